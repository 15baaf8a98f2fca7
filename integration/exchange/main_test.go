//go:build linux

// Package exchange tests that processes meet in any order, that each sample arrives in order, once or counted as lost, and how many
// system calls a publish makes.
package exchange

import (
	"testing"

	"github.com/shmbus/shmbus/integration/internal/agent"
	"github.com/shmbus/shmbus/integration/internal/harness"
)

func TestMain(m *testing.M) { harness.Main(m, agent.Role(), harness.RoleOf(publishCounted)) }
