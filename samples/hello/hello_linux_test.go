package hello

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// program starts one of the two as a process of its own, in a domain of the test's.
func program(t *testing.T, name, dir string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if out, err := exec.Command("go", "build", "-o", path, "./"+name).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(path)
	cmd.Env = append(os.Environ(), "SHMBUS_DIR="+dir, "SHMBUS_DOMAIN=hello")
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd, bufio.NewScanner(stdout)
}

// interrupt ends a program as a user would, and expects it to end well.
func interrupt(t *testing.T, cmd *exec.Cmd, rest *bufio.Scanner) {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Error(err)
	}
	for rest.Scan() {
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%s: %v", cmd.Path, err)
	}
}

func TestHelloArrivesWhicheverStartsFirst(t *testing.T) {
	for _, order := range [][2]string{{"publisher", "subscriber"}, {"subscriber", "publisher"}} {
		t.Run(order[0]+" first", func(t *testing.T) {
			dir, err := os.MkdirTemp("/dev/shm", "shmbus-test-")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.RemoveAll(dir) })
			commands := make(map[string]*exec.Cmd)
			lines := make(map[string]*bufio.Scanner)
			for _, name := range order {
				commands[name], lines[name] = program(t, name, dir)
			}
			first := 0
			for i := range 3 {
				if !lines["subscriber"].Scan() {
					t.Fatalf("the subscriber ended: %v", lines["subscriber"].Err())
				}
				got := lines["subscriber"].Text()
				if i == 0 {
					if _, err := fmt.Sscanf(got, "hello %d", &first); err != nil {
						t.Fatalf("the first line is %q", got)
					}
				}
				if want := fmt.Sprintf("hello %d", first+i); got != want {
					t.Fatalf("got %q, want %q", got, want)
				}
			}
			for _, name := range order {
				interrupt(t, commands[name], lines[name])
			}
			left, err := filepath.Glob(filepath.Join(dir, "hello", "*"))
			if err != nil || len(left) > 1 || len(left) == 1 && filepath.Base(left[0]) != "registry" {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

func TestTheProgramsAreShort(t *testing.T) {
	for _, name := range []string{"publisher", "subscriber"} {
		f, err := os.Open(filepath.Join(name, "main.go"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		count, inside := 0, false
		for s := bufio.NewScanner(f); s.Scan(); {
			switch {
			case s.Text() == "func main() {":
				inside = true
			case s.Text() == "}":
				inside = false
			case inside:
				count++
			}
		}
		if count == 0 || count > 15 {
			t.Errorf("%d lines inside main of the %s", count, name)
		}
	}
}
