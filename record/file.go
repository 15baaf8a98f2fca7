package record

import (
	"os"

	"github.com/shmbus/shmbus/record/mcapfile"
)

func openRecording(path string) (*os.File, int64, error) { return mcapfile.Open(path) }
