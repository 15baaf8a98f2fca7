package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	if os.Getenv("SHMMON_TEST_PUBLISH") != "" {
		os.Exit(publishUntilClosed())
	}
	if os.Getenv("SHMMON_TEST_TABLE") != "" {
		main()
	}
	testscript.Main(m, map[string]func(){"shmmon": main, "litter": litter})
}

// litter leaves what a participant that died leaves: files that nobody locks.
func litter() {
	for _, name := range os.Args[2:] {
		if err := os.WriteFile(filepath.Join(os.Args[1], name), make([]byte, 4096), 0o600); err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
	}
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			dir := domains(t)
			e.Setenv("SHMBUS_DIR", dir)
			return nil
		},
	})
}

// domains returns a directory of domains of the test's own, on a file system that holds shared memory.
func domains(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "shmbus-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
