package record

import (
	"context"

	"github.com/shmbus/shmbus/topic"
)

// Record writes the samples of p's domain to a new MCAP file at path until ctx ends or opts.Duration is over. Then it
// records the samples that were published before that moment, closes the file and returns nil: ending ctx is the regular
// way to stop. While it is written, the name of the file ends with ".unfinished".
//
// The log time of a message is its time of publishing, so that the messages of all topics are in that order. If the stamp says that it
// was published before the recording, more than 10 seconds ago or in the future, the log time is that of recording.
//
// Latched samples that exist at the start are recorded. Topics that have publishers at the start or at the end are in the
// file even if nothing was published on them.
//
// An existing file is an error (fs.ErrExist) unless opts.Force is set. When the file can no longer be written, as on a full
// disk, Record ends with a *mcapfile.WriteError; the data written before stays readable, and on a full disk the file is completed. If
// another program removes, moves or truncates the file meanwhile, the error is a *LostFileError.
//
// A pipe gets the recording as a stream; a program must have it open for reading. If its reader does not take the rest
// within half a second after the end of ctx, the error is a *mcapfile.WriteError.
func Record(ctx context.Context, p *topic.Participant, path string, opts *RecordOptions) (Summary, error) {
	rec, err := Start(ctx, p, path, opts)
	if err != nil {
		return Summary{Path: path}, err
	}
	return rec.Wait()
}
