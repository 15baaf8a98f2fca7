//go:build linux

// Package limits tests what happens where there is no space, no inode, no descriptor, no address space and no place for another reader or
// participant: each call says what it lacks and leaves nothing, and other processes go on.
package limits

import (
	"testing"

	"github.com/shmbus/shmbus/integration/internal/agent"
	"github.com/shmbus/shmbus/integration/internal/harness"
)

func TestMain(m *testing.M) {
	harness.Main(m, agent.Role(), harness.RoleOf(fillRepeatedly), harness.RoleOf(publishWithoutSpace), harness.RoleOf(joinWithoutSpace))
}
