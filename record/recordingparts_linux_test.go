package record

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/shmbus/shmbus/internal/shm"
)

func partNames(t testing.TB, dir string) (names []string) {
	t.Helper()
	paths, err := Parts(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		names = append(names, filepath.Base(path))
	}
	return names
}

func TestParts_ByNumber(t *testing.T) {
	want := []string{"a-0001.mcap", "a-00b.mcap", "f-0002.mcap", "f-9999.mcap", "f-10000.mcap", "f-123456789012345678901234567890.mcap", "f.mcap", "g-1.mcap", "g-01.mcap"}
	files := map[string][]byte{"other": nil, "f-0003.mcap.txt": nil}
	for _, name := range want {
		files[name] = nil
	}
	want[7], want[8] = want[8], want[7] // of one number, by name
	if got := partNames(t, dirOf(t, files)); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// The part that a recorder left when its machine lost power is read, and the damage says that it was not closed. What a recorder writes is not.
func TestParts_LeftUnfinished(t *testing.T) {
	first := contentOf(t, file(t, spec{0, second, 0, "1"}))
	last := contentOf(t, cut(t, file(t, spec{1, 2 * second, 0, "2"}), 8))
	dir := dirOf(t, map[string][]byte{
		"f-0001.mcap": first, "f-0002.mcap.unfinished": last, "f-0001.mcap.unfinished": last, "f-0003.mcap.unfinished": {}, "f.mcap.unfinished": last,
	})
	if got, want := partNames(t, dir), []string{"f-0001.mcap", "f-0002.mcap.unfinished"}; !slices.Equal(got, want) {
		t.Fatalf("%v, want %v", got, want)
	}
	if got, damage := topicsRead(t, dir); got != "a=1 b=2 " || damage == nil || !strings.Contains(damage.Error(), "not closed") {
		t.Errorf("%s, %v", got, damage)
	}
	f, err := os.OpenFile(filepath.Join(dir, "f-0002.mcap.unfinished"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	must(t, shm.Lock(f))
	if got := fmt.Sprint(partNames(t, dir)); got != "[f-0001.mcap]" {
		t.Errorf("while it is written: %s", got)
	}
}
