package shmtransport

import "context"

// A Loan is a slot that the application fills in place. It must end in exactly one Commit or Discard; a further one does
// nothing. The zero Loan is one that has ended.
type Loan struct {
	w   *Writer
	id  slotID
	use uint64 // tells this loan of the slot from others
	b   []byte
}

// Loan lends a slot for n payload bytes. The memory is not cleared: it holds what an earlier sample left.
func (w *Writer) Loan(ctx context.Context, n int) (Loan, error) {
	if err := ctx.Err(); err != nil {
		return Loan{}, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	id, err := w.slotFor(ctx, n)
	if err != nil {
		w.figures.Failed()
		return Loan{}, err
	}
	w.loans++
	w.figures.SetLoans(w.loans)
	return Loan{w: w, id: id, use: w.pool.lend(id), b: w.open(id)}, nil
}

// Bytes is the slot's payload area, at least as long as asked for. It is the caller's until Commit or Discard.
func (l Loan) Bytes() []byte { return l.b }

// Commit publishes the first n bytes. On error nothing is published. Either way the loan has ended.
func (l Loan) Commit(ctx context.Context, n int) (int, error) {
	w := l.w
	if w == nil {
		return 0, ErrLoanEnded
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.pool.giveBack(l.id, l.use) {
		return 0, ErrLoanEnded
	}
	defer w.loanEnded()
	if n < 0 || n > len(l.b) {
		w.pool.put(l.id)
		w.figures.Failed()
		return 0, &TooLargeError{Size: int64(n), Limit: int64(len(l.b)), Loan: true}
	}
	return w.commit(ctx, l.id, n)
}

// Discard gives the slot back unpublished.
func (l Loan) Discard() {
	w := l.w
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pool.giveBack(l.id, l.use) {
		w.pool.put(l.id)
		w.loanEnded()
	}
}

// loanEnded lets a Close that met a loan finish. Called with mu held.
func (w *Writer) loanEnded() {
	w.loans--
	w.figures.SetLoans(w.loans)
	w.closeStoreIfUnused()
}
