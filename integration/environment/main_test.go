//go:build linux

// Package environment tests processes in different environments: namespaces of pids and of time, file systems, an older kernel, programs of
// another version of the layout or of 32 bits.
package environment

import (
	"os"
	"testing"

	"github.com/shmbus/shmbus/integration/internal/agent"
	"github.com/shmbus/shmbus/integration/internal/harness"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == oldKernel {
		harness.Exit(execOnOldKernel(os.Args[2:]))
	}
	harness.Main(m, agent.Role(), harness.RoleOf(useDefaultDomain), harness.RoleOf(reuseVictimsPID), harness.RoleOf(receiveQuietly), harness.RoleOf(runCompareReadings))
}
