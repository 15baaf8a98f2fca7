//go:build linux

// Package churn tests domains in which many processes join, connect and leave: other processes lose nothing, and nothing grows.
package churn

import (
	"testing"

	"github.com/shmbus/shmbus/integration/internal/agent"
	"github.com/shmbus/shmbus/integration/internal/harness"
)

func TestMain(m *testing.M) { harness.Main(m, agent.Role(), agent.EndpointChurnRole()) }
