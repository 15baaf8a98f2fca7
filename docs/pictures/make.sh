#!/usr/bin/env bash
# Makes the pictures of this folder: each NAME.svg from NAME.d2, or from NAME.ansi, which is a captured terminal screen.
#
#   bash make.sh        here
#   bash make.sh DIR    into another folder
#
# capture.sh captures shmmon.ansi.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
to=${1:-.}
for source in *.d2; do
  go tool d2 --theme 0 --pad 20 --omit-version "$source" "$to/${source%.d2}.svg"
done
for source in *.ansi; do
  go run . <"$source" >"$to/${source%.ansi}.svg"
done
