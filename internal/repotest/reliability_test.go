package repotest

import (
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	codeSpan = regexp.MustCompile("`([^`]+)`|<code>([^<]+)</code>")
	testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w*)\(`)
	goRun    = regexp.MustCompile(`-(?:run|fuzz) '?([^' ]+)'?`)
)

// functions are the tests and fuzz targets of packages, which are written like "./topic", or "./integration/..." for those in the folder.
func functions(packages []string) (all []string, err error) {
	for _, dir := range packages {
		pattern := filepath.Join(dir, "*_test.go")
		if parent, ok := strings.CutSuffix(dir, "/..."); ok {
			pattern = filepath.Join(parent, "*", "*_test.go")
		}
		files, _ := filepath.Glob(pattern)
		if len(files) == 0 {
			return nil, fmt.Errorf("%s has no tests", dir)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				return nil, err
			}
			for _, m := range testFunc.FindAllStringSubmatch(string(text), -1) {
				all = append(all, m[1])
			}
		}
	}
	return all, nil
}

// named wants each alternative of a pattern to match a test or fuzz target of the packages.
func named(pattern string, packages []string) error {
	all, err := functions(packages)
	if err != nil {
		return err
	}
	for _, part := range strings.Split(pattern, "|") {
		re, err := regexp.Compile(part)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(all, re.MatchString) {
			return fmt.Errorf("%s matches no test in %v", part, packages)
		}
	}
	return nil
}

// promised checks one cell that says how a promise is tested: a pattern of tests, perhaps with their packages, or whole commands.
func promised(cell string) error {
	var pattern string
	var packages []string
	for _, m := range codeSpan.FindAllStringSubmatch(cell, -1) {
		code := html.UnescapeString(m[1] + m[2])
		switch run := goRun.FindStringSubmatch(code); {
		case run != nil:
			pattern = run[1]
			for _, w := range strings.Fields(code) {
				if strings.HasPrefix(w, "./") {
					packages = append(packages, w)
				}
			}
		case strings.HasPrefix(code, "./"):
			packages = append(packages, code)
		default:
			pattern = code
		}
	}
	if packages == nil {
		packages = []string{"./integration/..."}
	}
	if pattern == "" {
		return fmt.Errorf("%q names no test", cell)
	}
	return named(pattern, packages)
}

// promises checks the tables of a text that have a column NAME or command, and returns how many rows these have.
func promises(text string) (rows int, wrong []string) {
	column := -1
	for i, line := range strings.Split(text, "\n") {
		if !strings.HasPrefix(line, "|") {
			column = -1
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for k := range cells {
			cells[k] = strings.TrimSpace(cells[k])
		}
		switch {
		case cells[0] == "promise":
			column = slices.IndexFunc(cells, func(c string) bool { return c == "NAME" || c == "command" })
		case column < 0 || strings.HasPrefix(cells[0], "---"):
		case column >= len(cells):
			wrong = append(wrong, fmt.Sprintf("line %d has no such column", i+1))
		default:
			rows++
			if err := promised(cells[column]); err != nil {
				wrong = append(wrong, fmt.Sprintf("line %d: %v", i+1, err))
			}
		}
	}
	return rows, wrong
}

func TestEveryPromiseNamesATestThatThereIs(t *testing.T) {
	text, err := os.ReadFile("docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	rows, wrong := promises(string(text))
	if rows < 40 {
		t.Errorf("only %d promises were found", rows)
	}
	for _, w := range wrong {
		t.Errorf("docs/reliability.md: %s", w)
	}
	const table = "| promise | how | NAME |\n|---|---|---|\n| a | b | %s |\n"
	for _, cell := range []string{"`TestOfNothing`", "<code>TestKillMatrix&#124;TestOfNothing</code>", "`TestKillMatrix` in `./topic`",
		"`go test ./topic -run TestKillMatrix`", "`./topic`", "`TestKillMatrix` in `./nowhere`", ""} {
		if _, wrong := promises(fmt.Sprintf(table, cell)); len(wrong) != 1 {
			t.Errorf("nothing is wrong with %s", cell)
		}
	}
}
