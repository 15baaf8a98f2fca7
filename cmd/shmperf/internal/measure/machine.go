package measure

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

// ThisMachine describes the machine that the process runs on.
func ThisMachine() Machine {
	m := Machine{Go: runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(), Procs: runtime.GOMAXPROCS(0)}
	release, _ := os.ReadFile("/proc/sys/kernel/osrelease") // an error leaves the kernel unknown
	m.Kernel = strings.TrimSpace(string(release))
	if f, err := os.Open("/proc/cpuinfo"); err == nil {
		defer f.Close()
		m.Model = cpuModel(bufio.NewScanner(f))
	}
	return m
}

func cpuModel(cpuinfo *bufio.Scanner) string {
	for cpuinfo.Scan() {
		if key, value, ok := strings.Cut(cpuinfo.Text(), ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
