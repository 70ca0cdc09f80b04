package io.frz.demo.suite

import android.content.Intent
import io.frz.benchmark.SuiteReport
import io.frz.demo.work.Message
import io.frz.demo.work.Step

/** What the screen shows. */
internal data class SuiteState(
    /** The current step of the suite, while it runs. */
    val step: Step? = null,
    /** The results of the last run that was completed. */
    val report: SuiteReport? = null,
    val failure: Message? = null,
    /** A report that is ready to be shared with another app. */
    val shared: Intent? = null
)
