//go:build linux

// Package crash tests that the death of a process, or its stop, disturbs no other process. Built with the tag shmbus_failpoints, it kills and
// stops processes after each step of docs/protocol.md.
package crash

import (
	"testing"

	"github.com/shmbus/shmbus/integration/internal/agent"
	"github.com/shmbus/shmbus/integration/internal/harness"
)

func TestMain(m *testing.M) {
	harness.Main(m, append(failpointRoles(), agent.Role(), agent.EndpointChurnRole())...)
}
