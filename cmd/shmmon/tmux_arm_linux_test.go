package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// Clients of the arm are connections to its server, and the arm has no topic of its own. It announces which fields a goal has.
func TestScreen_ArmInATerminal(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	dir := domains(t)
	t.Setenv("SHMBUS_DIR", dir)
	program := filepath.Join(t.TempDir(), "arm")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", program, "../../samples/arm").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	w := openWindow(ctx, t, "160", "30")
	arm := exec.CommandContext(ctx, program, "--serve")
	if err := arm.Start(); err != nil {
		t.Fatal(err)
	}
	seen := make(chan struct{})
	var moving sync.WaitGroup
	moving.Go(func() {
		for to := "170"; ; to = map[string]string{"170": "-170", "-170": "170"}[to] {
			select {
			case <-seen:
				return
			case <-ctx.Done():
				return
			default:
				_ = exec.CommandContext(ctx, program, "--connect", "--to", to).Run() // the first may come before the server
			}
		}
	})
	w.press("SHMMON_TEST_TABLE=1 "+os.Args[0]+" --dir "+dir+" --interval 200ms", "Enter")
	w.waitFor("1 Topics", "0 topics", "no topics yet but those of services")
	w.press("2")
	w.waitForLine("service samples/arm/move", "arm", "connected", "lossless")
	w.press("Enter")
	w.waitFor("Connections › service samples/arm/move", "goal: main.Target to main.Progress")
	close(seen)
	moving.Wait()
	wrong := exec.CommandContext(ctx, os.Args[0], "goal", "samples/arm/move", `{"angel":45}`)
	wrong.Env = append(os.Environ(), "SHMMON_TEST_TABLE=1")
	if said, err := wrong.CombinedOutput(); wrong.ProcessState.ExitCode() != 1 || !strings.Contains(string(said), `there is no field "angel"; there are Angle`) {
		t.Errorf("a field that the arm does not have: %v, %s", err, said)
	}
	w.press("q")
	w.waitForPrompt()
	if err := arm.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := arm.Wait(); err != nil {
		t.Error(err)
	}
}
