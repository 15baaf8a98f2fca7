//go:build linux

// Package access tests what the users of a domain may do: by the mode of its directory, by its policy, and where files cannot be removed.
package access

import (
	"testing"

	"github.com/shmbus/shmbus/integration/internal/agent"
	"github.com/shmbus/shmbus/integration/internal/harness"
)

func TestMain(m *testing.M) {
	harness.Main(m, agent.Role(harness.On(tamper{}), harness.On(replaceFiles{})))
}
