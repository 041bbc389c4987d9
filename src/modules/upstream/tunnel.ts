import type { UpstreamConnection } from "../../clients/connection.ts";
import type { Request } from "../../core/request.ts";

/** Connects client and upstream byte for byte after 101, until either side ends or nothing moves for `idleMs`. */
export function tunnel(
  request: Request,
  connection: UpstreamConnection,
  reason: string,
  headers: readonly string[],
  idleMs: number,
  done: () => void,
): void {
  const { exchange, response } = request;
  response.status = 101;
  request.headSent = true;
  request.ended = true;
  request.keepalive = false;
  let ended = false;
  const finish = (): void => {
    if (ended) return;
    ended = true;
    clearTimeout(timer);
    connection.close();
    client?.end();
    done();
  };
  let timer = setTimeout(finish, idleMs);
  const moved = (): void => {
    clearTimeout(timer);
    timer = setTimeout(finish, idleMs);
  };
  // Neither side is read faster than the other one takes it.
  const client = exchange.tunnel?.({
    onData: (chunk) => {
      moved();
      if (!connection.write(chunk)) client!.pause();
    },
    onClose: finish,
    onDrain: () => connection.resume(),
  });
  if (!client) return finish();
  let head = `HTTP/1.1 101 ${reason}\r\n`;
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`;
  client.write(Buffer.from(`${head}\r\n`, "latin1"));
  connection.tunnelled({
    onData: (chunk) => {
      moved();
      if (!client.write(chunk)) connection.pause();
    },
    onClose: finish,
    onDrain: () => client.resume(),
  });
}
