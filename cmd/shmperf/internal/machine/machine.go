package machine

import (
	"bufio"
	"os"
	"runtime"
	"strings"
)

// A Machine is what figures depend on before anything else.
type Machine struct {
	Kernel, Model, Go string // empty: unknown
	CPUs              int    // that this process may use
	Procs             int    // GOMAXPROCS
}

// This describes the machine that the process runs on.
func This() Machine {
	m := Machine{Go: runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(), Procs: runtime.GOMAXPROCS(0)}
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease") // unknown is an answer
	m.Kernel = strings.TrimSpace(string(release))
	if f, err := os.Open("/proc/cpuinfo"); err == nil {
		defer f.Close()
		m.Model = model(bufio.NewScanner(f))
	}
	return m
}

func model(lines *bufio.Scanner) string {
	for lines.Scan() {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
