//go:build linux

// Package adversary tests processes that attack others: they write anything into their files, replace and cut them, read every word that
// they may, or plant files with the names of others.
package adversary

import (
	"testing"

	"github.com/shmbus/shmbus/integration/internal/agent"
	"github.com/shmbus/shmbus/integration/internal/harness"
)

func TestMain(m *testing.M) {
	harness.Main(m, agent.Role(), harness.MemberChurnRole(), harness.RoleOf(runAdversary), harness.RoleOf(runJoiner), harness.RoleOf(runPeer),
		harness.RoleOf(runReadingAttack), harness.RoleOf(churnReaders), harness.RoleOf(runSquatted))
}
