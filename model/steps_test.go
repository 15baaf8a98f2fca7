package model

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/internal/layouttest"
)

// A mark says that a line of a model is a step of docs/protocol.md.
type mark struct {
	at   string // such as slots.pml:12
	name string
}

var stepMark = regexp.MustCompile(`/\* step ([a-z.-]+) \*/`)

func marks(t *testing.T) (all []mark) {
	models, err := filepath.Glob("*.pml")
	if err != nil || len(models) == 0 {
		t.Fatalf("no models here: %v", err)
	}
	for _, name := range models {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		for n := 1; lines.Scan(); n++ {
			for _, m := range stepMark.FindAllStringSubmatch(lines.Text(), -1) {
				all = append(all, mark{fmt.Sprintf("%s:%d", name, n), m[1]})
			}
		}
		if err := lines.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// protocols are the tables of steps that are modelled, by the first part of the steps' names.
func protocols() []string {
	return []string{"admit", "removereader", "publish", "small", "reclaim", "takeback", "grow", "shrink", "key", "take", "copy", "skip",
		"sleep", "backpressure", "disconnect", "close", "connect", "call", "serve", "group"}
}

// notOfSamples are the other tables of steps, which no model is of, and why. What they have in common is that each of their
// steps leaves a state that the next process can continue from, in any order; that is shown by killing and stopping processes after each.
func notOfSamples() map[string]string {
	const system = "system calls on files, which the kernel orders"
	const record = "a record that is read twice, and again when its version changes: there is no order of stores to rely on"
	return map[string]string{
		"file":        system,
		"join":        system,
		"leave":       system,
		"clean":       system,
		"register":    "samples on latched topics; two servers that register at once are a test of integration",
		"remove":      system,
		"advertise":   record,
		"unadvertise": record,
		"request":     "the same; that an answer is awaited without a wake-up lost is the model of sleep",
		"refuse":      "an answer to a request, in the order of admit's",
		"bell":        "the wake-up of sleep; what is lost here is found a second later",
		"goal":        "the memory of one process, and calls, which are modelled",
	}
}

// notModelled are the steps of these protocols that no line of a model is, and why.
func notModelled() map[string]string {
	return map[string]string{
		"admit.start":             "the reader asks for all there ever was: it is 1",
		"admit.link":              "there is one link between the two",
		"admit.reader":            "an entry belongs to one reader from the start",
		"removereader.reader":     "the same",
		"removereader.full":       "there are as many entries as readers",
		"removereader.generation": "no process waits for an entry that was refused",
		"publish.head":            "a hint: a reader that skips takes any number it may find there",
		"publish.count":           "figures, on which nothing rests",
		"take.count":              "the same",
		"skip.wake":               "take.wake, word for word",
		"disconnect.entry":        "the publisher's next look at requests, which is no part of these protocols",
		"disconnect.page":         "the same",
		"disconnect.changed":      "a hint where to look",
		"connect.requests":        "the order in which a client makes its ends does not matter: the server answers the last step",
		"connect.responses":       "the same",
		"connect.control":         "the same",
		"call.send":               "call.request without a slot",
		"group.full":              "resets a lossless timeout, which no model has",
		"close.figures":           "figures, on which nothing rests",
		"close.name":              "a process that has the file open does not notice",
	}
}

// TestEveryStepIsModelled compares the models with the tables of steps.
func TestEveryStepIsModelled(t *testing.T) {
	steps, err := layouttest.Steps("..")
	if err != nil {
		t.Fatal(err)
	}
	modelled := map[string]string{}
	for _, m := range marks(t) {
		modelled[m.name] = m.at
		if !slices.Contains(steps, m.name) {
			t.Errorf("%s: docs/protocol.md has no step %s", m.at, m.name)
		}
	}
	for _, name := range steps {
		protocol, _, _ := strings.Cut(name, ".")
		why, left := notModelled()[name]
		at, done := modelled[name]
		switch {
		case !slices.Contains(protocols(), protocol):
			if done {
				t.Errorf("%s: %s is a step of a protocol that is not on the list of those that are modelled", at, name)
			}
			if notOfSamples()[protocol] == "" {
				t.Errorf("docs/protocol.md has the step %s, whose protocol is on no list", name)
			}
		case done && left:
			t.Errorf("%s: %s is on the list of steps that are not modelled: %s", at, name, why)
		case !done && !left:
			t.Errorf("docs/protocol.md has the step %s, which no line of a model is", name)
		}
	}
	for protocol := range notOfSamples() {
		if !slices.ContainsFunc(steps, func(s string) bool { return strings.HasPrefix(s, protocol+".") }) {
			t.Errorf("docs/protocol.md has no step of %s", protocol)
		}
	}
	for name := range notModelled() {
		if !slices.Contains(steps, name) {
			t.Errorf("the list of steps that are not modelled has %s, which docs/protocol.md has not", name)
		}
	}
}

// TestEveryBrokenVariantIsRun compares the ways in which the models can be broken with the runs.
func TestEveryBrokenVariantIsRun(t *testing.T) {
	way := regexp.MustCompile(`(?m)^#define ([a-z_]+) +\d+$`)
	models, _ := filepath.Glob("*.pml")
	for _, name := range models {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		list, _, _ := strings.Cut(string(text), "#ifndef BROKEN\n")
		if list == string(text) {
			continue // memory.pml
		}
		for _, m := range way.FindAllStringSubmatch(list, -1) {
			if !slices.ContainsFunc(runs(), func(r run) bool {
				return r.model+".pml" == name && r.caught != "" && strings.Contains(r.flags+" ", "-DBROKEN="+m[1]+" ")
			}) {
				t.Errorf("%s can be broken with %s, but no run does", name, m[1])
			}
			if !strings.Contains(string(text[len(list):]), m[1]) && m[1] != "acquire_passes_release" {
				t.Errorf("%s has no line for %s", name, m[1])
			}
		}
	}
}
