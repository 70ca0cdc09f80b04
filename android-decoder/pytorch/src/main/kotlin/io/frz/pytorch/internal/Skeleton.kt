package io.frz.pytorch.internal

import io.frz.FrzSeal
import io.frz.pytorch.FrzModuleException
import io.frz.pytorch.FrzModuleException.Kind

/** Skeletons that the runtime may be trusted with. */
internal object Skeleton {
    /** Throws if [bytes] are not what was exported. */
    fun check(bytes: ByteArray) {
        val problem = FrzSeal.problem(bytes) ?: return
        throw FrzModuleException(
            Kind.SKELETON_DAMAGED,
            "this is no whole skeleton: $problem; export it again with `frformat export`, or get it again"
        )
    }
}
