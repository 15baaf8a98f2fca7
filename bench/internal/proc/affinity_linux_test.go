package proc

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestAllowed_List(t *testing.T) {
	for list, want := range map[string][]int{"0-1": {0, 1}, "3": {3}, "2,5-7": {2, 5}, "0-255": {0, 1}} {
		got, err := allowed("Name:\tx\nCpus_allowed_list:\t" + list + "\nMems_allowed:\t1\n")
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %v, %v, want %v", list, got, err, want)
		}
	}
	for _, status := range []string{"", "Name:\tx\n", "\nCpus_allowed_list:\tx\n", "\nCpus_allowed_list:\t0-\n"} {
		if got, err := allowed(status); err == nil {
			t.Errorf("%q: got %v and no error", status, got)
		}
	}
}

// need skips the test where processes cannot have the affinity, and fails it in CI.
func need(t *testing.T, a Affinity) {
	err := a.Possible()
	switch {
	case err == nil:
	case os.Getenv("CI") != "":
		t.Fatal(err)
	default:
		t.Skipf("needs two processors and taskset, which Debian has in util-linux: %v", err)
	}
}

// processors are the CPUs that a process may run on, as the kernel writes them.
func processors(t *testing.T, pid string) string {
	status, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "\nCpus_allowed_list:")
	list, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(list)
}

func TestPin_FirstTwoChildren(t *testing.T) {
	need(t, TwoCPUs)
	p, err := Start(t.Context(), "", nil, "/bin/sh", "-c", "sleep 60 & sleep 60 & wait")
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	if err := TwoCPUs.Pin(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	cpus, err := TwoCPUs.cpus()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, pid := range children(p.ID()) {
		got = append(got, processors(t, strconv.Itoa(pid)))
	}
	slices.Sort(got)
	if want := []string{strconv.Itoa(cpus[0]), strconv.Itoa(cpus[1])}; !slices.Equal(got, want) {
		t.Errorf("the children run on %q, not on %q", got, want)
	}
}

func TestCommand_OneCPU(t *testing.T) {
	need(t, OneCPU)
	name, args, err := OneCPU.Command("/bin/sh", "-c", "grep Cpus_allowed_list /proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	out, err := Run(t.Context(), "", nil, name, args...)
	if err != nil {
		t.Fatal(err)
	}
	cpus, err := OneCPU.cpus()
	if want := "Cpus_allowed_list:\t" + strconv.Itoa(cpus[0]) + "\n"; err != nil || string(out) != want {
		t.Errorf("got %q, %v, want %q", out, err, want)
	}
}

func TestPin_EndsWithTheProcess(t *testing.T) {
	need(t, TwoCPUs)
	p, err := Start(t.Context(), "", nil, "/bin/sh", "-c", "exit 3")
	if err != nil {
		t.Fatal(err)
	}
	if err := TwoCPUs.Pin(t.Context(), p); err != nil {
		t.Error(err)
	}
	if _, err := p.Wait(); err == nil {
		t.Error("the end of the process is not reported")
	}
}
