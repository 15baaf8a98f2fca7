package environment

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The wall clock may be set at any moment. A time.Time of time.Now has the monotonic clock with it, and differences are of that,
// so the only way to depend on the wall clock is to turn it into a number or to take a number for it. That is done where
// a caller asks for the wall time of a sample, as a recorder does, and where the times of a recording are shown. The
// kernel's stamps of a directory are compared with each other for being the same, and with no clock.
func TestWallClock_NothingInTheCoreDependsOnIt(t *testing.T) {
	allowed := map[string][]string{
		"internal/clock/wall.go": {"UnixNano", "Unix", "Unix"},
		"record/info.go":         {"Unix"}, // of a recording's stamps, to show them
		"record/offset.go":       {"Unix"}, // the same

		// Stamps that functions of the application find in samples. They are compared with each other, and with no clock.
		"topic/join_core.go":    {"UnixNano", "UnixNano"},
		"topic/join_receive.go": {"Unix"},

		// These are not of a time, but of a duration that is shown, of a number, and of a file.
		"doctor/readers.go":                       {"Round"},
		"cmd/shmmon/internal/command/rates.go":    {"Round"},
		"cmd/shmmon/internal/command/root.go":     {"Clock", "Unix"}, // shows stamps as times
		"cmd/shmmon/internal/metrics/families.go": {"UnixMilli"},     // times of a metric are wall-clock times
		"record/control/client.go":                {"Unix"},          // a deadline in the past
		"record/playwindow.go":                    {"Unix"},          // log times of a recording are wall-clock times, here and below
		"record/steering.go":                      {"UnixNano"},
		"record/retention.go":                     {"Round", "Round"}, // files have times of the wall clock; see ageOf
		"record/mcapfile/output.go":               {"UnixNano", "Truncate", "Truncate"},
		"record/destination.go":                   {"Truncate", "Truncate"},
	}
	numbers := []string{"Unix", "UnixMilli", "UnixMicro", "UnixNano", "Round", "Truncate", "Date", "Clock", "Hour", "Minute", "Second", "Gettimeofday"}
	found := map[string][]string{}
	for _, root := range []string{"topic", "registry", "shmtransport", "internal", "record", "doctor", "cmd/shmmon"} {
		err := filepath.WalkDir(filepath.Join("../..", root), func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, text, 0)
			if err != nil {
				return err
			}
			name, _ := filepath.Rel("../..", path)
			ast.Inspect(f, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				if s, ok := call.Fun.(*ast.SelectorExpr); ok && slices.Contains(numbers, s.Sel.Name) && strings.Contains(string(text), `"time"`) {
					found[name] = append(found[name], s.Sel.Name)
				}
				if s, ok := call.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "ClockGettime" && len(call.Args) > 0 {
					if clock, ok := call.Args[0].(*ast.SelectorExpr); !ok || clock.Sel.Name != "CLOCK_MONOTONIC" {
						found[name] = append(found[name], "ClockGettime")
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, calls := range found {
		if !slices.Equal(calls, allowed[name]) {
			t.Errorf("%s calls %v, which depend on the wall clock; allowed are %v", name, calls, allowed[name])
		}
		delete(allowed, name)
	}
	for name := range allowed {
		t.Errorf("%s no longer depends on the wall clock; take it out of the list", name)
	}
}
