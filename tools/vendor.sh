#!/bin/sh
# Fetches the browser parts at fixed versions from the npm registry, cuts them down to what is used, and
# writes careercenter/web/static/vendor with licences and VENDORED.md. Run by hand when a version changes;
# the result is committed, so neither a campus nor a test ever needs npm. Needs: npm, node, python3.
set -eu
BOOTSTRAP=5.3.9 HTMX=4.0.1 ICONS=1.13.2 SANS=5.3.0 SERIF=5.3.1 SASS=1.93.2
root=$(cd "$(dirname "$0")/.." && pwd)
out=$root/careercenter/web/static/vendor
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out/licenses"

take() { # take NAME VERSION FOLDER: unpacks the package into $work/FOLDER
  mkdir -p "$work/$3"
  (cd "$work" && tar xzf "$(npm pack --silent "$1@$2")" -C "$3" --strip-components=1)
}
take bootstrap "$BOOTSTRAP" bootstrap
take htmx.org "$HTMX" htmx
take bootstrap-icons "$ICONS" icons
take @fontsource-variable/source-sans-3 "$SANS" sans
take @fontsource-variable/source-serif-4 "$SERIF" serif
(cd "$work" && npm install --silent --no-save --ignore-scripts "sass@$SASS")

cp "$root/tools/bootstrap.scss" "$work/cut.scss"
"$work/node_modules/.bin/sass" --quiet --no-source-map --style=compressed --load-path="$work" \
  "$work/cut.scss" "$out/bootstrap.min.css"
cp "$work/htmx/dist/htmx.min.js" "$out/htmx.min.js"
for family in sans serif; do
  case $family in sans) name=source-sans-3 ;; serif) name=source-serif-4 ;; esac
  cp "$work/$family/files/$name-latin-wght-normal.woff2" "$work/$family/files/$name-latin-ext-wght-normal.woff2" "$out/"
  cp "$work/$family/LICENSE" "$out/licenses/$name.txt"
done
for name in bootstrap htmx icons; do cp "$work/$name/LICENSE" "$out/licenses/$name.txt"; done
python3 "$root/tools/sprite.py" "$root/tools/icons.txt" "$work/icons/icons" "$out/icons.svg"

{
  echo "# Vendored browser parts"
  echo
  echo "Made by \`tools/vendor.sh\`; do not edit by hand. Licence texts are in \`licenses/\`."
  echo
  echo "| file | from (npm) | licence | sha256 |"
  echo "|---|---|---|---|"
  row() { echo "| \`$1\` | $2 | $3 | \`$(sha256sum "$out/$1" | cut -d' ' -f1)\` |"; }
  row bootstrap.min.css "bootstrap $BOOTSTRAP, cut by tools/bootstrap.scss with sass $SASS" MIT
  row htmx.min.js "htmx.org $HTMX" 0BSD
  row icons.svg "bootstrap-icons $ICONS, the icons of tools/icons.txt" MIT
  row source-sans-3-latin-wght-normal.woff2 "@fontsource-variable/source-sans-3 $SANS" OFL-1.1
  row source-sans-3-latin-ext-wght-normal.woff2 "@fontsource-variable/source-sans-3 $SANS" OFL-1.1
  row source-serif-4-latin-wght-normal.woff2 "@fontsource-variable/source-serif-4 $SERIF" OFL-1.1
  row source-serif-4-latin-ext-wght-normal.woff2 "@fontsource-variable/source-serif-4 $SERIF" OFL-1.1
} >"$out/VENDORED.md"
ls -l "$out"
