//go:build linux

// Package goals tests what the end of a process does to goals, at each state: the server's, and the client's.
package goals

import (
	"testing"

	"github.com/shmbus/shmbus/integration/internal/harness"
)

func TestMain(m *testing.M) {
	harness.Main(m, harness.RoleOf(serveGoals), harness.RoleOf(startGoal))
}
