package model

// What spin says.
const (
	torn       = "torn"
	freed      = "freedheld"
	leaked     = "leaked"
	lost       = "lostsome"
	miscounted = "miscounted"
	unmapped   = "unmapped"
	stuck      = "invalid end state"
)

// runs are all runs: of each model first the unbroken ones, then one for each way to break it.
func runs() []run {
	const short = " -DPUBLISHES=4 -DSLOTS=2"
	return []run{
		{"slots", "-DMEMORY=tso" + short, ""},
		{"slots", "-DMEMORY=weak" + short, ""},
		{"slots", "-DMEMORY=tso -DREADERDIES=1" + short, ""},
		{"slots", "-DMEMORY=tso -DPUBLISHERDIES=1" + short, ""},
		{"slots", "-DMEMORY=tso -DLOSSLESS=1" + short, ""},
		{"slots", "-DMEMORY=weak -DLOSSLESS=1 -DREADERDIES=1" + short, ""},
		{"slots", "-DMEMORY=tso -DBATCH=1" + short, ""},
		{"slots", "-DMEMORY=weak -DBATCH=1 -DPUBLISHES=3 -DSLOTS=2", ""},
		{"slots", "-DMEMORY=tso -DLATEST=1 -DPUBLISHES=4 -DSLOTS=1", ""},
		{"slots", "-DMEMORY=tso -DSHRINKS=1 -DPUBLISHES=5 -DSLOTS=1 -DDEPTH=1 -DMARKS=1", ""},
		{"slots", "-DMEMORY=tso -DREADERS=2 -DLOSSLESS=1 -DDEPTH=1 -DMARKS=1 -DPUBLISHES=3 -DSLOTS=1", ""},
		// Without queues of stores nothing would show that the fence is needed.
		{"slots", "-DMEMORY=sc -DBROKEN=fence_left_out" + short, ""},
		{"slots", "-DMEMORY=tso -DBROKEN=fence_left_out" + short, freed},
		{"slots", "-DMEMORY=tso -DBROKEN=marks_not_looked_at" + short, freed},
		{"slots", "-DMEMORY=tso -DBROKEN=checked_before_marked" + short, freed},
		{"slots", "-DMEMORY=tso -DBROKEN=mark_not_checked" + short, torn},
		{"slots", "-DMEMORY=tso -DBROKEN=mark_not_fenced" + short, freed},
		{"slots", "-DMEMORY=tso -DBROKEN=mark_not_fenced -DBATCH=1" + short, freed},
		{"slots", "-DMEMORY=weak -DBROKEN=acquire_passes_release" + short, freed},
		{"slots", "-DMEMORY=tso -DBROKEN=word_before_payload" + short, torn},
		{"slots", "-DMEMORY=weak -DBROKEN=word_not_released" + short, torn},
		{"slots", "-DMEMORY=tso -DBROKEN=marks_looked_at_early" + short, freed},
		{"slots", "-DMEMORY=tso -DBROKEN=freed_at_once" + short, torn},
		{"slots", "-DMEMORY=tso -DBROKEN=arena_after_word" + short, unmapped},
		{"slots", "-DMEMORY=tso -DBROKEN=admitted_unwatched" + short, freed},
		{"slots", "-DMEMORY=tso -DBROKEN=mark_forgotten" + short, leaked},
		{"slots", "-DMEMORY=tso -DBROKEN=dead_reader_watched -DREADERDIES=1" + short, leaked},
		{"slots", "-DMEMORY=tso -DBROKEN=read_after_release" + short, torn},
		{"slots", "-DMEMORY=tso -DBROKEN=taken_back_untaken -DLOSSLESS=1" + short, lost},
		{"slots", "-DMEMORY=tso -DBROKEN=publish_does_not_wait -DLOSSLESS=1" + short, lost},
		{"slots", "-DMEMORY=tso -DBROKEN=cursor_before_check -DLOSSLESS=1" + short, lost},
		{"slots", "-DMEMORY=tso -DBROKEN=hole_under_retired -DSHRINKS=1" + short, torn},
		{"slots", "-DMEMORY=tso -DBROKEN=used_after_check" + short, freed},
		{"slots", "-DMEMORY=tso -DBROKEN=end_without_last_look" + short, miscounted},

		{"entries", "-DMEMORY=tso", ""},
		{"entries", "-DMEMORY=weak", ""},
		{"entries", "-DMEMORY=tso -DPUBLISHERDIES=1", ""},
		{"entries", "-DMEMORY=weak -DPUBLISHERDIES=1 -DPUBLISHES=4", ""},
		{"entries", "-DMEMORY=tso -DLOSSLESS=1 -DREADERDIES=1", ""},
		{"entries", "-DMEMORY=weak -DLOSSLESS=1 -DREADERDIES=1", ""},
		{"entries", "-DMEMORY=tso -DBROKEN=guard_after_payload", torn},
		{"entries", "-DMEMORY=tso -DBROKEN=guard_after_word", torn},
		{"entries", "-DMEMORY=tso -DBROKEN=guard_not_checked", torn},
		{"entries", "-DMEMORY=tso -DBROKEN=guard_checked_first", torn},
		{"entries", "-DMEMORY=tso -DBROKEN=word_before_payload", torn},
		{"entries", "-DMEMORY=weak -DBROKEN=payload_not_released", torn},
		{"entries", "-DMEMORY=weak -DBROKEN=loads_not_ordered", torn},
		{"entries", "-DMEMORY=tso -DBROKEN=publish_does_not_wait -DLOSSLESS=1", lost},
		{"entries", "-DMEMORY=tso -DBROKEN=waits_after_guard -DLOSSLESS=1", lost},
		{"entries", "-DMEMORY=tso -DBROKEN=cursor_before_copy -DLOSSLESS=1", lost},
		{"entries", "-DMEMORY=tso -DBROKEN=lost_not_counted", miscounted},

		{"sleep", "-DMEMORY=tso -DPUBLISHERS=1", ""},
		{"sleep", "-DMEMORY=weak -DPUBLISHERS=1", ""},
		{"sleep", "-DMEMORY=tso -DPUBLISHERS=1 -DPUBLISHES=0", ""},
		{"sleep", "-DMEMORY=tso -DPUBLISHERS=2 -DPUBLISHES=1 -DSPURIOUS=0", ""},
		{"sleep", "-DMEMORY=tso -DPUBLISHERS=1 -DGROWS=1", ""},
		{"sleep", "-DMEMORY=tso -DPUBLISHERS=2 -DPUBLISHES=0 -DSPURIOUS=0 -DGROWS=1", ""},
		{"sleep", "-DMEMORY=tso -DPUBLISHERS=1 -DPUBLISHERDIES=1", ""},
		{"sleep", "-DMEMORY=weak -DPUBLISHERS=1 -DPUBLISHERDIES=1", ""},
		{"sleep", "-DMEMORY=tso -DPUBLISHERS=1 -DBROKEN=fence_left_out", stuck},
		{"sleep", "-DMEMORY=tso -DPUBLISHERS=1 -DBROKEN=armed_after_look", stuck},
		{"sleep", "-DMEMORY=tso -DPUBLISHERS=1 -DBROKEN=bells_after_look", stuck},
		{"sleep", "-DMEMORY=tso -DPUBLISHERS=1 -DBROKEN=armed_read_first", stuck},
		{"sleep", "-DMEMORY=tso -DPUBLISHERS=1 -DBROKEN=number_not_new", stuck},
		{"sleep", "-DMEMORY=tso -DPUBLISHERS=1 -DBROKEN=woken_without_bell", stuck},
		{"sleep", "-DMEMORY=tso -DPUBLISHERS=1 -DBROKEN=bell_after_wake", stuck},
		{"sleep", "-DMEMORY=tso -DPUBLISHERS=1 -DBROKEN=arm_not_fenced", stuck},
		{"sleep", "-DMEMORY=weak -DPUBLISHERS=1 -DBROKEN=acquire_passes_release", stuck},
		{"sleep", "-DMEMORY=tso -DPUBLISHERS=1 -DPUBLISHES=0 -DBROKEN=admitted_silently", stuck},
		{"sleep", "-DMEMORY=tso -DPUBLISHERS=1 -DBROKEN=closed_silently", stuck},
		{"sleep", "-DMEMORY=tso -DPUBLISHERS=1 -DBROKEN=batch_not_told", stuck},
		{"sleep", "-DMEMORY=tso -DPUBLISHERS=1 -DPUBLISHERDIES=1 -DBROKEN=death_not_told", stuck},
		{"sleep", "-DMEMORY=tso -DPUBLISHERS=1 -DBROKEN=not_armed_again", stuck},
		{"sleep", "-DMEMORY=tso -DPUBLISHERS=1 -DBROKEN=bell_after_armed_again", stuck},
		{"sleep", "-DMEMORY=tso -DPUBLISHERS=1 -DBROKEN=armed_again_after_look", stuck},
		{"sleep", "-DMEMORY=tso -DPUBLISHERS=1 -DGROWS=1 -DBROKEN=grown_after_links", stuck},
		{"sleep", "-DMEMORY=tso -DPUBLISHERS=1 -DGROWS=1 -DBROKEN=grown_silently", stuck},

		{"room", "-DMEMORY=tso -DPUBLISHES=4", ""},
		{"room", "-DMEMORY=weak -DPUBLISHES=4", ""},
		{"room", "-DMEMORY=tso -DPUBLISHES=4 -DNAP=1 -DPAUSES=1", ""},
		{"room", "-DMEMORY=tso -DPUBLISHES=4 -DDISCONNECTS=1", ""},
		{"room", "-DMEMORY=weak -DPUBLISHES=4 -DREADERDIES=1", ""},
		{"room", "-DMEMORY=tso -DPUBLISHES=4 -DNAP=1 -DPAUSES=1 -DBROKEN=nap_left_out", stuck},
		{"room", "-DMEMORY=tso -DPUBLISHES=4 -DBROKEN=no_look_before_sleep", stuck},
		{"room", "-DMEMORY=tso -DPUBLISHES=4 -DBROKEN=batch_waits_untold", stuck},
		{"room", "-DMEMORY=tso -DPUBLISHES=4 -DBROKEN=armed_too_far", stuck},
		{"room", "-DMEMORY=tso -DPUBLISHES=4 -DBROKEN=wake_not_fenced", stuck},
		{"room", "-DMEMORY=tso -DPUBLISHES=4 -DBROKEN=armed_after_look", stuck},
		{"room", "-DMEMORY=weak -DPUBLISHES=4 -DBROKEN=acquire_passes_release", stuck},
		{"room", "-DMEMORY=tso -DPUBLISHES=4 -DDISCONNECTS=1 -DBROKEN=disconnects_silently", stuck},
		{"room", "-DMEMORY=tso -DPUBLISHES=4 -DREADERDIES=1 -DBROKEN=death_not_told", stuck},
	}
}
