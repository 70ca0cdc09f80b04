package io.frz.host

import java.io.PrintWriter
import java.io.StringWriter

/** The exit code of a command, and what it printed. */
internal data class Printed(val code: Int, val out: String, val err: String)

/** Runs a command of `frz-host` in this process. */
internal fun host(vararg args: Any): Printed {
    val out = StringWriter()
    val err = StringWriter()
    val code = FrzHost().commandLine().setOut(PrintWriter(out)).setErr(PrintWriter(err))
        .execute(*Array(args.size) { args[it].toString() })
    return Printed(code, out.toString(), err.toString())
}
