//go:build linux

// Package services tests services of several processes: clients and servers that are stopped, come and go, or belong to other users.
package services

import (
	"testing"

	"github.com/shmbus/shmbus/integration/internal/harness"
)

func TestMain(m *testing.M) {
	harness.Main(m, harness.RoleOf(runServer), harness.RoleOf(runClient), harness.RoleOf(attemptCall), harness.RoleOf(attemptServe), harness.RoleOf(runBusyServer),
		harness.RoleOf(runCallingProcess), harness.RoleOf(runOwner))
}
