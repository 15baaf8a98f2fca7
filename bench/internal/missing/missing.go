package missing

import (
	"fmt"
	"os/exec"
)

// An Error says that a program, header or library is not installed.
type Error struct {
	What    string
	Package string // of Debian
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s is missing: apt-get install %s", e.What, e.Package)
}

// Program finds a program, or returns an [*Error] with the package that has it.
func Program(name, pkg string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", &Error{What: name, Package: pkg}
	}
	return path, nil
}
