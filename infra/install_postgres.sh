#!/bin/sh
# 'make memory' needs the programs of Postgres, as the compose file's image has them; nothing is started here.
command -v postgres >/dev/null 2>&1 && exit 0
ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing Postgres ..."
    mkdir -p /etc/postgresql-common
    # No cluster of the distribution's own: it would start, and take a port.
    [ -e /etc/postgresql-common/createcluster.conf ] ||
        echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
    apt-get -q -y install postgresql >/dev/null || { apt-get -q update >/dev/null && apt-get -q -y install postgresql >/dev/null; }
    exit
fi
echo "Postgres is not installed. Run: sudo apt-get install postgresql"
exit 1
