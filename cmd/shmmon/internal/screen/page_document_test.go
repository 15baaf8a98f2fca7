package screen

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// monitoringPage shows screens. A comment before each names the golden screen that it is.
const monitoringPage = "../../../../docs/monitoring.md"

var shownScreen = regexp.MustCompile("(?s)<!-- screen ([\\w-]+)( page)? -->\n```\n(.*?)```\n")

// capture returns a golden screen without empty lines and the line of keys; if only the page is asked for, also without what is above it.
func capture(t *testing.T, name string, page bool) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	lines = lines[:len(lines)-1]
	if page {
		lines = lines[above:]
	}
	var kept strings.Builder
	for _, l := range lines {
		if l != "" {
			kept.WriteString(l + "\n")
		}
	}
	return kept.String()
}

// The screens in the documents are those that the tests compare; -update writes them there too.
func TestMonitoringPage_ShowsTheGoldenScreens(t *testing.T) {
	b, err := os.ReadFile(monitoringPage)
	if err != nil {
		t.Fatal(err)
	}
	shown := make(map[string]bool)
	want := shownScreen.ReplaceAllStringFunc(string(b), func(block string) string {
		m := shownScreen.FindStringSubmatch(block)
		shown[strings.TrimSuffix(m[1], "-80x24")] = true
		return "<!-- screen " + m[1] + m[2] + " -->\n```\n" + capture(t, m[1], m[2] != "") + "```\n"
	})
	for _, view := range []string{"topics", "connections", "processes", "graph", "memory", "log", "detail-endpoints", "detail-message", "detail-image", "services", "goals", "parameters", "recorder"} {
		if !shown[view] {
			t.Errorf("%s is not shown", view)
		}
	}
	if *update {
		if err := os.WriteFile(monitoringPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(b)); diff != "" {
		t.Errorf("%s differs from the golden screens (-update accepts them):\n%s", monitoringPage, diff)
	}
}

// Each row of the table of requirements has tests or screens that there are.
func TestMonitoringPage_NamesTestsThatExist(t *testing.T) {
	b, err := os.ReadFile(monitoringPage)
	if err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	err = filepath.WalkDir("../..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		source.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`(?m)^\| M(\d+) \|.*\| (.*) \|$`).FindAllStringSubmatch(string(b), -1)
	for i, row := range rows {
		if row[1] != strconv.Itoa(i+1) {
			t.Errorf("row %d is M%s", i+1, row[1])
		}
		found := 0
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[2], -1) {
			_, err := os.Stat(filepath.Join("testdata", name[1]+".txt"))
			if strings.Contains(source.String(), "\nfunc "+name[1]+"(t *testing.T)") || err == nil {
				found++
			} else if strings.HasPrefix(name[1], "Test") || strings.Contains(name[1], "-") {
				t.Errorf("M%s: there is no %s", row[1], name[1])
			}
		}
		if found == 0 {
			t.Errorf("M%s has no test", row[1])
		}
	}
	if len(rows) != 19 {
		t.Errorf("%d rows", len(rows))
	}
}
