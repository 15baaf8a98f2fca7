//go:build linux

// Package tools tests the commands and the doctor on domains of processes that are killed, stopped, slow or of other users.
package tools

import (
	"testing"

	"github.com/shmbus/shmbus/integration/internal/harness"
)

func TestMain(m *testing.M) { harness.Main(m, harness.RoleOf(runFixture), harness.MemberChurnRole()) }
