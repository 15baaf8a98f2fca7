package main

import (
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/shmbus/shmbus/bench/internal/peers"
)

// about describes the machine and the versions.
func about(o options) []fact {
	rounds := strconv.Itoa(o.rounds)
	if o.smoke {
		rounds += " (a very short one: these figures mean nothing)"
	}
	return []fact{
		{"date", time.Now().UTC().Format("2006-01-02")},
		{"machine", strconv.Itoa(runtime.NumCPU()) + " CPUs, " + model()},
		{"system", strings.TrimSpace("Linux " + line("/proc/sys/kernel/osrelease"))},
		{"compiler", runtime.Version()},
		{"packages", packages()},
		{"UCX_TLS", peers.UCXTransports},
		{"rounds", rounds},
	}
}

func line(name string) string {
	text, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

func model() string {
	for l := range strings.Lines(line("/proc/cpuinfo")) {
		if name, value, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// packages are the versions of the Debian packages.
func packages() string {
	names := []string{"gcc", "ucx-utils", "libzmq3-dev", "redis-server", "libhiredis-dev", "cyclonedds-tools", "iceoryx", "liblmdb-dev"}
	out, err := exec.Command("dpkg-query", append([]string{"-W", "-f", "${Package} ${Version}\n"}, names...)...).Output()
	if err != nil && len(out) == 0 {
		return "unknown"
	}
	return strings.Join(strings.Split(strings.TrimSpace(string(out)), "\n"), ", ")
}

// A fact is a line above the table.
type fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}
