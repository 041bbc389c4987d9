import { dirname } from "node:path";

export interface UnitOptions {
  /** Absolute path of the program. */
  readonly executable: string;
  /** Absolute path of the folder with nginx.conf, or of the file. */
  readonly conf: string;
  /** An existing user; undefined lets systemd make one up for as long as the service runs. */
  readonly user: string | undefined;
}

/** The prefix of a configuration in `conf/` is the folder around it; there are the logs. */
function prefixOf(conf: string): string {
  const folder = conf.endsWith(".conf") ? dirname(conf) : conf;
  return folder.endsWith("/conf") ? dirname(folder) : folder;
}

/**
 * The service as systemd is to run it: may listen on any port, may write its logs and its state, and little else.
 * MemoryDenyWriteExecute has to stay away: the runtime compiles to machine code while it runs.
 */
export function unit({ executable, conf, user }: UnitOptions): string {
  return `[Unit]
Description=resty, a programmable web platform
After=network-online.target nss-lookup.target
Wants=network-online.target

[Service]
Type=notify
ExecStart=${executable} serve ${conf}
ExecReload=/bin/kill -HUP $MAINPID
KillSignal=SIGQUIT
KillMode=mixed
TimeoutStopSec=90
Restart=on-failure
LimitNOFILE=1048576

${user === undefined ? "DynamicUser=yes" : `User=${user}`}
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
LogsDirectory=resty
StateDirectory=resty
RuntimeDirectory=resty
ReadWritePaths=-${prefixOf(conf)}/logs -${prefixOf(conf)}/data
UMask=0027

NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
# MemoryDenyWriteExecute would keep the runtime from compiling scripts to machine code.

[Install]
WantedBy=multi-user.target
`;
}
