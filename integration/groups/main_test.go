//go:build linux

// Package groups tests consumer groups of several processes whose members are killed, stopped and replaced.
package groups

import (
	"testing"

	"github.com/shmbus/shmbus/integration/internal/harness"
)

func TestMain(m *testing.M) { harness.Main(m, harness.RoleOf(work)) }
