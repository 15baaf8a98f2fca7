package theme

import (
	"testing"

	"github.com/charmbracelet/x/ansi"
)

func TestASCII_WidthAndBytes(t *testing.T) {
	const all = "a…µ↑↓→▸▾●▲▏›─│├└×▁▂▃▄▅▆▇█░⠀⠁⣿漢é"
	got := ASCII(all)
	for _, r := range got {
		if r >= 0x80 {
			t.Errorf("%q is left in %q", r, got)
		}
	}
	if ansi.StringWidth(got) != ansi.StringWidth(all) {
		t.Errorf("%d cells became %d: %q", ansi.StringWidth(all), ansi.StringWidth(got), got)
	}
	styles := New()
	if painted := styles.Paint(Problem, "x"); ASCII(painted) != painted || painted == "x" {
		t.Errorf("the style of %q is lost", painted)
	}
}

func TestNeedsASCII_Locale(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want bool
	}{
		{nil, false},
		{map[string]string{"LANG": "en_US.UTF-8"}, false},
		{map[string]string{"LANG": "de_DE.utf8"}, false},
		{map[string]string{"LANG": "C"}, true},
		{map[string]string{"LANG": "en_US.UTF-8", "LC_ALL": "POSIX"}, true},
		{map[string]string{"LANG": "C", "LC_CTYPE": "C.UTF-8"}, false},
	} {
		if got := NeedsASCII(func(name string) string { return c.env[name] }); got != c.want {
			t.Errorf("%v: %v", c.env, got)
		}
	}
}
