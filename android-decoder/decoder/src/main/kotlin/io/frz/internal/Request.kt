package io.frz.internal

/** One request of a caller, while it is carried out. */
internal class Request {
    /** Whether code of the caller is running. */
    var isOutside = false
        private set

    /** Throws if the request is to end. */
    fun check() = Unit

    /** Runs code of the caller, whose failures are its own. */
    fun <T> outside(work: () -> T): T {
        isOutside = true
        return work().also { isOutside = false }
    }

    companion object {
        /** Runs [work], a request for [tensor] or for several; a lack of memory in it is [io.frz.ErrorCode.BUDGET]. */
        inline fun <T> of(tensor: String?, work: (Request) -> T): T {
            var request: Request? = null
            try {
                return work(Request().also { request = it })
            } catch (e: OutOfMemoryError) {
                throw if (request?.isOutside == true) e else Budget.exhausted(tensor, e)
            }
        }
    }
}
