#!/bin/sh
# The accessibility tests need axe-core (MPL-2.0) from npm, unpacked into .venv. Where it cannot be fetched,
# they skip and say so.
cd "$(dirname "$0")/.." || exit 1
version=4.14.1
sum=1477dafa598d8d065f273d6af302aa203c02e83131707b7fa648cd41bd3d6b734f8c22a0dab86ee6a6f64b8afbe804b214d36db85a2826965edfb3a0b9d546b5
file=".venv/share/axe-core-$version/axe.min.js"
[ -f "$file" ] && exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if command -v npm >/dev/null 2>&1 &&
    (cd "$work" && npm pack --silent "axe-core@$version" >/dev/null 2>&1) &&
    echo "$sum  $work/axe-core-$version.tgz" | sha512sum --check --status &&
    tar -xzf "$work/axe-core-$version.tgz" -C "$work" package/axe.min.js; then
    mkdir -p "$(dirname "$file")" && mv "$work/package/axe.min.js" "$file" && exit 0
fi
echo "axe-core $version cannot be fetched from npm: the accessibility tests will be skipped."
