package model

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A run is one model in one setting, explored to the end.
type run struct {
	model string
	flags string // what the model is made with
	// caught is what spin must say of a run whose model is broken on purpose; "" means that nothing is wrong.
	caught string
}

func (r run) String() string {
	return strings.Join(strings.Fields(strings.ReplaceAll(r.model+" "+r.flags, "-D", "")), ",")
}

const (
	// runTimeout ends a program of a run that hangs. It is long because other steps of the checks may take the CPUs meanwhile.
	runTimeout = 10 * time.Minute
	// memory bounds what one run takes, in MiB.
	memory = 1024
)

// need finds the programs that the models need.
func need(t *testing.T) {
	for _, program := range []string{"spin", "gcc"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatalf("the models need %s: %v", program, err)
			}
			t.Skipf("the models need spin and gcc (Debian: apt-get install spin gcc libc6-dev): %v", err)
		}
	}
}

// command runs a program in dir and returns what it says.
func command(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), runTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return string(out)
}

var (
	lineMark  = regexp.MustCompile(`^# (\d+) "([^"]*)"`)
	figures   = regexp.MustCompile(`State-vector (\d+) byte, depth reached (\d+), errors: (\d+)`)
	stored    = regexp.MustCompile(`(\d+) states, stored`)
	used      = regexp.MustCompile(`([\d.]+)\s+total actual memory usage`)
	complaint = regexp.MustCompile(`(?m)^pan:\d+: (.*) \(at depth`)
	statement = regexp.MustCompile(`(?m)\t([a-z]+\.pml:\d+), state|\] ([a-z]+\.pml:\d+) =>`)
)

// A result is what spin found.
type result struct {
	states   string
	depth    string
	memory   string
	took     time.Duration
	complain string
	lines    map[string]bool // of statements, such as slots.pml:12, and whether one of them was reached
}

// explore makes the verifier of a run and lets it explore every state.
func explore(t *testing.T, r run) result {
	dir := t.TempDir()
	began := time.Now()
	file := r.model + ".pml"
	whole := command(t, ".", "gcc", append(append([]string{"-E", "-x", "c"}, strings.Fields(r.flags)...), file)...)
	if err := os.WriteFile(filepath.Join(dir, file), []byte(inPlace(whole, file)), 0o600); err != nil {
		t.Fatal(err)
	}
	if said := command(t, dir, "spin", "-a", file); strings.Contains(said, "warning") {
		t.Fatalf("spin warns:\n%s", said)
	}
	optimize := "-O1" // worth its time where there are many states
	if r.caught != "" {
		optimize = "-O0"
	}
	command(t, dir, "gcc", optimize, "-w", "-DSAFETY", "-DCOLLAPSE", fmt.Sprintf("-DMEMLIM=%d", memory), "-o", "pan", "pan.c")
	said := command(t, dir, "./pan", "-m50000", "-w20")
	for _, bad := range []string{"max search depth too small", "out of memory", "Search not completed", "-DMEMLIM"} {
		if strings.Contains(said, bad) && (r.caught == "" || bad != "Search not completed") {
			t.Fatalf("not every state was explored: %s\n%s", bad, said)
		}
	}
	m, s, u := figures.FindStringSubmatch(said), stored.FindStringSubmatch(said), used.FindStringSubmatch(said)
	if m == nil || s == nil || u == nil {
		t.Fatalf("no figures in\n%s", said)
	}
	found := result{states: s[1], depth: m[2], memory: u[1], took: time.Since(began)}
	if m[3] != "0" {
		found.complain = "an error"
		if c := complaint.FindStringSubmatch(said); c != nil {
			found.complain = c[1]
		}
		return found
	}
	// First all statements that can be reached in the text, then those that the run did not come to.
	found.lines = map[string]bool{}
	for _, m := range statement.FindAllStringSubmatch(command(t, dir, "./pan", "-d"), -1) {
		found.lines[m[1]+m[2]] = true
	}
	for _, m := range statement.FindAllStringSubmatch(said, -1) {
		found.lines[m[1]+m[2]] = false
	}
	return found
}

// inPlace undoes what the preprocessor does to the numbers of lines, which spin gets wrong within inlines: every line of file
// is at its place, what is included is on the line that includes it. (Spin still leaves out some empty lines within an inline, so the
// lines that are steps stand in inlines without any before them.)
func inPlace(whole, file string) string {
	lines := []string{""}
	n, included := 1, false
	for line := range strings.SplitSeq(whole, "\n") {
		if m := lineMark.FindStringSubmatch(line); m != nil {
			included = m[2] != file
			if !included {
				n, _ = strconv.Atoi(m[1])
			}
			continue
		}
		for len(lines) < n {
			lines = append(lines, "")
		}
		at := len(lines) - 1
		if !included {
			at = n - 1
			n++
		}
		lines[at] += " " + line
	}
	return strings.Join(lines, "\n") + "\n"
}

// TestModels explores every state of every model as the code is, and of every model that is broken in one way. The first must
// keep all promises, each of the others must be caught, and for the reason that is expected.
func TestModels(t *testing.T) {
	need(t)
	var mu sync.Mutex
	reached := map[string]bool{}
	done := 0
	t.Run("all", func(t *testing.T) {
		for _, r := range runs() {
			t.Run(r.String(), func(t *testing.T) {
				t.Parallel()
				found := explore(t, r)
				t.Logf("%s states, depth %s, %s MB, %.1f s with making it", found.states, found.depth, found.memory, found.took.Seconds())
				switch {
				case r.caught == "" && found.complain != "":
					t.Errorf("spin says: %s", found.complain)
				case r.caught != "" && found.complain == "":
					t.Errorf("nothing is found wrong with a model that is broken; expected %q", r.caught)
				case !strings.Contains(found.complain, r.caught):
					t.Errorf("spin says %q, expected was %q", found.complain, r.caught)
				}
				mu.Lock()
				defer mu.Unlock()
				done++
				for line, was := range found.lines {
					reached[line] = reached[line] || was
				}
			})
		}
	})
	if t.Failed() || done < len(runs()) { // go test -run may ask for some only
		return
	}
	for _, s := range marks(t) {
		if !reached[s.at] {
			t.Errorf("%s: no run of an unbroken model reaches the step %s", s.at, s.name)
		}
	}
}
