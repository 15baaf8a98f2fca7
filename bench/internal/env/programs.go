package env

import "embed"

//go:embed src
var sources embed.FS

// A Program is compiled from one file in src, which may include the headers in src.
type Program struct {
	Name    string // of the file, without its suffix
	Suffix  string // of the file
	Header  string // of the library that the program needs, if any
	Package string // of Debian with that library
	Include string // a directory below /usr/include, as a pattern
	Libs    []string
}

// The programs of this module.
var (
	Spin     = Program{Name: "spin", Suffix: ".c"}
	Futex    = Program{Name: "futex", Suffix: ".c"}
	Receiver = Program{Name: "receiver", Suffix: ".c"}
	Ring     = Program{Name: "ring", Suffix: ".c"}
	Memcpy   = Program{Name: "memcpy", Suffix: ".c"}
	Stream   = Program{Name: "stream", Suffix: ".c"}
	ZeroMQ   = Program{Name: "zeromq", Suffix: ".c", Header: "zmq.h", Package: "libzmq3-dev", Libs: []string{"zmq"}}
	Redis    = Program{Name: "redis", Suffix: ".c", Header: "hiredis/hiredis.h", Package: "libhiredis-dev", Libs: []string{"hiredis"}}
	LMDB     = Program{Name: "lmdb", Suffix: ".c", Header: "lmdb.h", Package: "liblmdb-dev", Libs: []string{"lmdb"}}
	Iceoryx  = Program{Name: "iceoryx", Suffix: ".cpp", Header: "iceoryx_posh/runtime/posh_runtime.hpp",
		Package: "libiceoryx-posh-dev libiceoryx-hoofs-dev", Include: "iceoryx/v2.*",
		Libs: []string{"iceoryx_posh", "iceoryx_hoofs", "iceoryx_platform", "pthread"}}

	Trips        = Program{Name: "trips", Suffix: ".c"}
	ZeroMQTrips  = Program{Name: "zeromqtrips", Suffix: ".c", Header: ZeroMQ.Header, Package: ZeroMQ.Package, Libs: ZeroMQ.Libs}
	RedisTrips   = Program{Name: "redistrips", Suffix: ".c", Header: Redis.Header, Package: Redis.Package, Libs: Redis.Libs}
	IceoryxTrips = Program{Name: "iceoryxtrips", Suffix: ".cpp", Header: Iceoryx.Header, Package: Iceoryx.Package, Include: Iceoryx.Include, Libs: Iceoryx.Libs}
)
