#!/bin/sh
# A Java with a compiler, for the grammar of Trino, Spark and a Trino server. Where it is missing and can be
# installed, install it; else the tests that need it are skipped and say so.
command -v javac >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing java for the tests ..."
    (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq default-jdk-headless) \
        >/dev/null 2>&1 && exit 0
fi
echo "java (17 or newer, with javac) is not here and cannot be installed: the tests that need it will be skipped."
