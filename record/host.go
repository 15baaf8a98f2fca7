package record

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/shmbus/shmbus/record/mcapfile"
)

// Metadata records at the beginning of each part.
const (
	recordingName = "shmrec.recording" // how and where it was recorded
	userName      = "shmrec.user"      // RecordOptions.Metadata
)

const modulePath = "github.com/shmbus/shmbus"

// version returns the version of this module in the running program, "" if it is not known.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	modules := append([]*debug.Module{&info.Main}, info.Deps...)
	for _, m := range modules {
		if m.Path == modulePath && m.Version != "(devel)" {
			return m.Version
		}
	}
	return ""
}

// library is how files name their writer.
func library() string { return strings.TrimSpace("shmbus " + version()) }

// hostMetadata describes a part: where, when and by what it was recorded.
func hostMetadata(part int, cause string, now time.Time, user map[string]string) []mcapfile.Metadata {
	m := map[string]string{
		"part": strconv.Itoa(part), "begun": now.UTC().Format(time.RFC3339Nano), "pid": strconv.Itoa(os.Getpid()),
		"system": runtime.GOOS + "/" + runtime.GOARCH, "go": runtime.Version(), "command": strings.Join(os.Args, " "),
	}
	if v := version(); v != "" {
		m["version"] = v
	}
	if host, err := os.Hostname(); err == nil {
		m["host"] = host
	}
	if kernel, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m["kernel"] = strings.TrimSpace(string(kernel))
	}
	if cause != "" {
		m["cause"] = cause
	}
	all := []mcapfile.Metadata{{Name: recordingName, Values: m}}
	if len(user) > 0 {
		all = append(all, mcapfile.Metadata{Name: userName, Values: user})
	}
	return all
}
