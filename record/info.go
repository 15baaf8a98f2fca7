package record

// Info describes a recording.
type Info struct{}

// ReadInfo reads the whole file at path.
func ReadInfo(path string) (Info, error) { panic("stub") }
