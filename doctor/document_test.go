package doctor

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

func matches(t *testing.T, path, pattern string) (all []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1) {
		all = append(all, m[1])
	}
	slices.Sort(all)
	return all
}

func TestFault_DocumentedInShmmon(t *testing.T) {
	known := matches(t, "finding.go", `Fault += "([a-z-]+)"`)
	said := matches(t, "../docs/shmmon.md", "(?m)^\\| `([a-z-]+)` \\| (?:problem|warning|note|any)")
	if len(known) < 30 || !slices.Equal(known, said) {
		t.Errorf("there are %q,\nthe document explains %q", known, said)
	}
}
