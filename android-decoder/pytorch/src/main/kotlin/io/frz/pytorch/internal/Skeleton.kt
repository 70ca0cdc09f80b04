package io.frz.pytorch.internal

import io.frz.FrzSeal
import io.frz.pytorch.FrzModuleException
import io.frz.pytorch.FrzModuleException.Kind

/** The runtime trusts its input, and altered bytes can crash it, so it receives only intact skeletons. */
internal object Skeleton {
    /** Throws unless [bytes] are what was exported. */
    fun check(bytes: ByteArray) {
        val problem = FrzSeal.problem(bytes) ?: return
        throw FrzModuleException(
            Kind.SKELETON_DAMAGED,
            "this is no whole skeleton: $problem; export it again with `frformat export`, or get it again"
        )
    }
}
