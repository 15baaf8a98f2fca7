package shmtransport

import (
	"context"
	"fmt"
	"math"

	"github.com/shmbus/shmbus/internal/mem"
)

// A Loan is a slot that the application fills in place. It ends with exactly one Commit or Discard; further calls do
// nothing. The zero Loan has ended.
type Loan struct {
	w          *Writer
	id         slotID
	generation uint64 // tells this loan of the slot from others
	b          []byte
}

// Loan lends a slot for n payload bytes. The memory is not cleared: it may hold bytes of an earlier sample.
func (w *Writer) Loan(ctx context.Context, n int) (Loan, error) {
	if err := ctx.Err(); err != nil {
		return Loan{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	id, err := w.allocSlot(ctx, n)
	if err != nil {
		w.stats.Failed()
		return Loan{}, err
	}
	w.loans++
	w.stats.SetLoans(w.loans)
	return Loan{w: w, id: id, generation: w.pool.beginLoan(id), b: w.prepareSlot(id)}, nil
}

// Bytes returns the slot's payload area, at least as long as requested. It may be used until Commit or Discard.
func (l Loan) Bytes() []byte { return l.b }

// WriteAt copies p to the payload area at off. It fetches no cache lines from the readers' processors, unlike copy. If p does not
// fit, the error is a *TooLargeError and nothing is written. It may be used until Commit or Discard.
func (l Loan) WriteAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("write to a loan: offset %d is negative", off)
	}
	if off > int64(len(l.b)-len(p)) {
		return 0, &TooLargeError{Size: off + min(int64(len(p)), math.MaxInt64-off), Limit: int64(len(l.b)), Loan: true}
	}
	return mem.Copy(l.b[off:], p), nil
}

// Commit publishes the first n bytes and ends the loan. On error nothing is published, and the loan has ended as well.
func (l Loan) Commit(ctx context.Context, n int) (int, error) { return l.CommitKey(ctx, "", n) }

// CommitKey is Commit for a sample of a key, as PublishKey.
func (l Loan) CommitKey(ctx context.Context, key string, n int) (int, error) {
	w := l.w
	if w == nil {
		return 0, ErrLoanEnded
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.pool.endLoan(l.id, l.generation) {
		return 0, ErrLoanEnded
	}
	defer w.loanEnded()
	if n < 0 || n > len(l.b) {
		w.pool.free(l.id)
		w.stats.Failed()
		return 0, &TooLargeError{Size: int64(n), Limit: int64(len(l.b)), Loan: true}
	}
	return w.publishSlot(ctx, key, l.id, n)
}

// Active reports whether the loan has not ended.
func (l Loan) Active() bool {
	w := l.w
	if w == nil {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pool.isOnLoan(l.id, l.generation)
}

// Discard ends the loan without publishing.
func (l Loan) Discard() {
	w := l.w
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pool.endLoan(l.id, l.generation) {
		w.pool.free(l.id)
		w.loanEnded()
	}
}

// loanEnded counts the end of a loan. After Close the last one closes the store. Called with mu held.
func (w *Writer) loanEnded() {
	w.loans--
	w.stats.SetLoans(w.loans)
	w.closeStoreIfUnused()
}
