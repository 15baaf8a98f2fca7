package messages

// Diagnostics say how the parts of a robot are (diagnostic_msgs/msg/DiagnosticArray).
type Diagnostics struct {
	Header Header // the frame is empty
	Status []DiagnosticStatus
}

// A DiagnosticStatus is the state of one part.
type DiagnosticStatus struct {
	Level      uint8  // one of StatusOK to StatusStale
	Name       string // of the part
	Message    string // one line
	HardwareID string // such as a serial number
	Values     []KeyValue
}

// A KeyValue is a detail of a DiagnosticStatus.
type KeyValue struct{ Key, Value string }

// Levels of a DiagnosticStatus.
const (
	StatusOK    uint8 = 0
	StatusWarn  uint8 = 1
	StatusError uint8 = 2
	StatusStale uint8 = 3 // the part has not reported for too long
)

// A Log is one message of a program's log (rcl_interfaces/msg/Log, foxglove.Log).
type Log struct {
	Stamp    Time
	Level    uint8  // one of LogDebug to LogFatal
	Name     string // of the program, or of a part of it
	Msg      string
	File     string // where the message comes from
	Function string
	Line     uint32
}

// Levels of a Log.
const (
	LogDebug uint8 = 10
	LogInfo  uint8 = 20
	LogWarn  uint8 = 30
	LogError uint8 = 40
	LogFatal uint8 = 50
)
