#!/bin/sh
# install.sh DESTDIR PREFIX SYSCONFDIR UNITDIR: what "make install" does.
set -eu
destdir=$1 prefix=$2 sysconfdir=$3 unitdir=$4

# A running executable cannot be written over, but another file can take its name.
mkdir -p "$destdir$prefix/bin"
cp resty "$destdir$prefix/bin/.resty.new"
chmod 755 "$destdir$prefix/bin/.resty.new"
mv "$destdir$prefix/bin/.resty.new" "$destdir$prefix/bin/resty"

find conf handlers -type f | while read -r file; do
  target="$destdir$sysconfdir/resty/$file"
  mkdir -p "$(dirname "$target")"
  if [ -e "$target" ] && ! cmp -s "$file" "$target"; then
    echo "kept $target; that of this version is $target.new"
    target="$target.new"
  fi
  cp "$file" "$target"
  chmod 644 "$target"
done

# What the configuration writes goes to where the unit's LogsDirectory= and StateDirectory= are.
for pair in logs:/var/log/resty data:/var/lib/resty; do
  link="$destdir$sysconfdir/resty/${pair%:*}"
  [ -e "$link" ] || [ -L "$link" ] || ln -s "${pair#*:}" "$link"
done

mkdir -p "$destdir$unitdir"
./resty systemd print "$sysconfdir/resty/conf" --executable="$prefix/bin/resty" >"$destdir$unitdir/resty.service"
chmod 644 "$destdir$unitdir/resty.service"

echo "installed $destdir$prefix/bin/resty, $destdir$sysconfdir/resty and $destdir$unitdir/resty.service"
[ -n "$destdir" ] || echo 'start it with: systemctl daemon-reload && systemctl enable --now resty'
