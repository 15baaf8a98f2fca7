#!/usr/bin/env bash
# Captures the screen of shmmon, of which make.sh makes a picture: in tmux, in 118 columns and 24 lines, while hostmetrics and two
# subscriptions run in a domain of their own.
#
#   bash capture.sh          shmmon.ansi, anew
#   bash capture.sh FILE     into another file
#
# It needs go and tmux, takes half a minute, and gives up after five.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
to=${1:-shmmon.ansi}
work=$(mktemp -d)
export SHMBUS_DIR
SHMBUS_DIR=$(mktemp -d /dev/shm/shmbus-picture.XXXX)
unset SHMBUS_DOMAIN NO_COLOR
processes=()
window() { tmux -u -S "$work/tmux" "$@"; }
finish() {
  window kill-server 2>/dev/null || true
  ((${#processes[@]} == 0)) || kill "${processes[@]}" 2>/dev/null || true
  wait
  rm -rf "$work" "$SHMBUS_DIR"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

(cd ../.. && go build -o "$work/" ./cmd/shmmon ./samples/hostmetrics)
"$work/hostmetrics" --report none 2>/dev/null &
processes+=($!)
for topics in 'host/cpu/*' host/memory; do
  "$work/shmmon" echo "$topics" --wait -n 0 >/dev/null &
  processes+=($!)
done
window -f /dev/null new-session -d -x 118 -y 24 env LC_ALL=C.UTF-8 "$work/shmmon"

# The screen is whole when the slowest topic has a rate and a subscription has delays.
while shown=$(window capture-pane -p); do
  if grep -qE 'host/uptime .* [0-9.]+ +████████ ' <<<"$shown" && grep -qE 'host/memory .* [0-9.]+ [^ ]*s$' <<<"$shown"; then
    break
  fi
  if ((SECONDS > 300)); then
    printf 'the screen does not have what is captured:\n%s\n' "$shown" >&2
    exit 1
  fi
  sleep 0.1
done
window capture-pane -e -p >"$work/screen"
mv "$work/screen" "$to"
