package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Flags that would do nothing, and files that are named twice, are wrong usage.
func TestRewrite_FlagsWithoutEffect(t *testing.T) {
	a, b := file(t, "a"), file(t, "b")
	stdin, err := os.Open(a)
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	before := os.Stdin
	os.Stdin = stdin
	t.Cleanup(func() { os.Stdin = before })
	for line, want := range map[string]string{
		"filter A --no-latched":                 "messages from before the --start",
		"filter A --key a=x":                    "messages from before the --start",
		"cut A --end 1s --key a=x":              "messages from before the --start",
		"cut A --start 0s --no-latched":         "",
		"merge A B --offset A=1s --offset A=2s": "has one already",
		"merge A B --offset A=1s --offset B=2s": "",
		"play A B --offset B=1s --offset B=2s":  "has one already",
		"merge - -":                             "standard input can be only one of the files",
		"merge A - B -":                         "standard input can be only one of the files",
	} {
		args := strings.Fields(line)
		for i := range args {
			args[i] = strings.NewReplacer("A=", a+"=", "B=", b+"=").Replace(args[i])
			switch args[i] {
			case "A":
				args[i] = a
			case "B":
				args[i] = b
			}
		}
		if args[0] != "play" {
			args = append(args, "-o", filepath.Join(t.TempDir(), "new.mcap"))
		}
		code, _, stderr := run(t, args...)
		if wrong := want != ""; wrong != (code == 2) || !strings.Contains(stderr, want) {
			t.Errorf("%s: %d, %s", line, code, stderr)
		}
	}
}
