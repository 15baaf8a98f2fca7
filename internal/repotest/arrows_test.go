package repotest

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// arrowsFile has the table of imports.
const arrowsFile = "docs/architecture.md"

// arrowRow is a row of that table: a folder and the folders that it imports, in backquotes.
var arrowRow = regexp.MustCompile("^\\| `([^`]+)` \\| ((?:`[^`]+`(?:, )?)+) \\|$")

// folder is the part of the tree that a package belongs to, as the table has it.
func folder(dir string) string {
	parts := strings.Split(dir, "/")
	switch parts[0] {
	case "internal", "record", "cmd":
		return strings.Join(parts[:min(2, len(parts))], "/")
	}
	return parts[0]
}

// arrowsDrawn compares the imports of all programs and libraries with the table: each import is in it, and nothing else.
func arrowsDrawn(files []*source) (wrong []string) {
	drawn := map[string]bool{}
	for _, s := range files {
		if s.path != arrowsFile {
			continue
		}
		_, table, _ := strings.Cut(string(s.text), "<!-- imports -->\n")
		for line := range strings.Lines(table) {
			line = strings.TrimSuffix(line, "\n")
			if !strings.HasPrefix(line, "|") {
				break
			}
			if m := arrowRow.FindStringSubmatch(line); m != nil {
				for to := range strings.SplitSeq(m[2], ", ") {
					drawn[m[1]+" -> "+strings.Trim(to, "`")] = true
				}
			}
		}
	}
	real := map[string]string{}
	for _, s := range files {
		if s.file == nil || s.test() || s.under("bench") || strings.Contains(s.path, "/testdata/") {
			continue
		}
		for name := range s.imports() {
			to, ours := strings.CutPrefix(name, module+"/")
			if from := folder(s.dir()); ours && folder(to) != from {
				real[from+" -> "+folder(to)] = s.path
			}
		}
	}
	for _, arrow := range slices.Sorted(maps.Keys(real)) {
		if !drawn[arrow] {
			wrong = append(wrong, fmt.Sprintf("%s: the import %s is not in the table of %s", real[arrow], arrow, arrowsFile))
		}
		delete(drawn, arrow)
	}
	for _, arrow := range slices.Sorted(maps.Keys(drawn)) {
		wrong = append(wrong, fmt.Sprintf("%s: no package has the import %s of the table", arrowsFile, arrow))
	}
	return wrong
}
