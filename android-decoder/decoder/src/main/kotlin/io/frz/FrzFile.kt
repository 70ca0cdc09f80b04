package io.frz

import androidx.annotation.WorkerThread
import io.frz.internal.Budget
import io.frz.internal.Lifetime
import io.frz.internal.Request
import io.frz.internal.container.Container
import io.frz.internal.directory.Group
import io.frz.internal.rebuild.Loader
import io.frz.internal.storage.BufferSource
import io.frz.internal.storage.FileSource
import io.frz.internal.storage.MappedSource
import io.frz.internal.storage.Source
import io.frz.internal.storage.StreamSource
import io.frz.internal.values.Base
import java.io.Closeable
import java.io.File
import java.io.IOException
import java.io.InputStream
import java.nio.ByteBuffer
import java.nio.channels.FileChannel
import java.util.Collections

/**
 * An open `.frz` file: lists its contents without decoding them, and rebuilds tensors on request.
 *
 * A damaged file is never decoded: data that fails its checksum or violates the format causes an [FrzException] that
 * names the tensor or the byte offset. The memory that a request needs is checked before it is allocated: a request
 * that needs more than [FrzOptions.memoryBudget] fails with [ErrorCode.BUDGET]. Opening a file also counts as a
 * request, and fails if the list of tensors needs more than the budget and more than 1 MiB.
 *
 * ```
 * FrzFile.open(File("model.frz")).use { file ->
 *     val weight = file.load("conv1.weight")
 *     weight.buffer.asFloatBuffer()
 * }
 * ```
 *
 * Instances are thread-safe. Decode on a background thread. Interrupting that thread ends its request with
 * [java.io.InterruptedIOException]; [close] ends all current and later requests with [IllegalStateException]. Both take
 * effect within milliseconds. Read errors are [IOException]s.
 */
public class FrzFile private constructor(
    private val container: Container,
    private val base: FrzFile?,
    private val options: FrzOptions
) : Closeable {
    private val directory = container.directory

    /** The description of each tensor, in file order. */
    public val tensors: List<TensorInfo> = infos(directory.tensors) { !it.isFactors }

    /** The description of each factor: a matrix that serves as the basis of [BasisKind.STORED] axes. */
    public val factors: List<TensorInfo> = infos(directory.factors.size) { it.isFactors }

    /** The groups in which tensors and factors are stored, in file order. */
    public val groups: List<GroupInfo> = Collections.unmodifiableList(
        directory.groups.map { group ->
            val all = if (group.isFactors) factors else tensors
            GroupInfo(group, all.subList(group.first, group.first + group.size))
        }
    )

    private val loader = Loader(container, tensors, base?.asBase(options), options)

    /** A map from each alias, such as the second name of a tied weight, to the name of the tensor that it refers to. */
    public val aliases: Map<String, String> = Collections.unmodifiableMap(directory.aliases())

    /** Free-form text about the model, such as its license, source or accuracy. It does not affect decoding. */
    public val metadata: Map<String, String> = Collections.unmodifiableMap(directory.metadata)

    /** The number of tiers (capacity levels) in the complete file. */
    public val tiers: Int get() = directory.tiers

    /** The number of tiers present, counted from the first; less than [tiers] if the file was cut after a tier. */
    public val tiersPresent: Int get() = container.tiersPresent

    /** The tier that this instance decodes. */
    public val tier: Int get() = container.tier

    /** Whether this is a delta file, which stores the differences from another file, its base. */
    public val isDelta: Boolean get() = directory.base != null

    /** Returns whether [name] is a tensor of the file or an alias. */
    public operator fun contains(name: String): Boolean = directory.find(name) >= 0

    /**
     * Returns the description of the tensor [name]; fails with [ErrorCode.NOT_FOUND] if the file does not contain it.
     */
    @Throws(FrzException::class)
    public fun tensor(name: String): TensorInfo {
        val number = directory.find(name)
        if (number >= 0) return tensors[number]
        throw FrzException(
            ErrorCode.NOT_FOUND,
            "the file contains ${tensors.size} tensors, but none with this name",
            name
        )
    }

    /**
     * Rebuilds the tensor [name] in newly allocated memory; see [FrzTensor.buffer].
     *
     * @throws FrzException with [ErrorCode.NOT_FOUND] if there is no such tensor; with [ErrorCode.BUDGET],
     *   [ErrorCode.DEPENDENCY] or [ErrorCode.BASE] if the request cannot be met; with [ErrorCode.CHECKSUM],
     *   [ErrorCode.STREAM], [ErrorCode.VALUE] or [ErrorCode.TRUNCATED] if the file is damaged
     */
    @WorkerThread
    @Throws(IOException::class)
    public fun load(name: String): FrzTensor = container.lifetime.request(name) {
        val info = tensor(name)
        FrzTensor(name, info.dtype, info.shape, loader.load(info, null, it))
    }

    /**
     * Rebuilds the tensor [name] in [target], starting at its position, and advances the position past it. The elements
     * are little-endian, regardless of the buffer's byte order. If this throws, the contents are undefined.
     *
     * @throws IllegalArgumentException if [target] is read-only, or fewer bytes remain in it than [TensorInfo.bytes]
     * @throws FrzException with [ErrorCode.NOT_FOUND] if there is no such tensor; with [ErrorCode.BUDGET],
     *   [ErrorCode.DEPENDENCY] or [ErrorCode.BASE] if the request cannot be met; with [ErrorCode.CHECKSUM],
     *   [ErrorCode.STREAM], [ErrorCode.VALUE] or [ErrorCode.TRUNCATED] if the file is damaged
     */
    @WorkerThread
    @Throws(IOException::class)
    public fun loadInto(name: String, target: ByteBuffer): Unit = container.lifetime.request(name) {
        val info = tensor(name)
        val memory = portion(target, info)
        loader.load(info, memory, it)
        target.position(memory.limit())
    }

    /**
     * Rebuilds all tensors and returns them by name. Each alias is an additional key; it shares the memory of its
     * tensor.
     *
     * @throws FrzException with [ErrorCode.BUDGET], [ErrorCode.DEPENDENCY] or [ErrorCode.BASE] if the request cannot be
     *   met; with [ErrorCode.CHECKSUM], [ErrorCode.STREAM], [ErrorCode.VALUE] or [ErrorCode.TRUNCATED] if the file is
     *   damaged
     */
    @WorkerThread
    @Throws(IOException::class)
    public fun loadAll(): Map<String, FrzTensor> = container.lifetime.request(null) { request ->
        val all = LinkedHashMap<String, FrzTensor>()
        loader.loadAll(request) { info, memory -> all[info.name] = rebuilt(info, memory) }
        for ((alias, name) in aliases) {
            val target = all.getValue(name)
            all[alias] = FrzTensor(alias, target.dtype, target.shape, target.buffer)
        }
        all
    }

    /**
     * Rebuilds the tensors one by one, in file order, and passes each to [visitor]. All tensors share one buffer, which
     * is as large as the largest tensor; copy any data that must outlive the visit.
     *
     * @throws FrzException with [ErrorCode.BUDGET], [ErrorCode.DEPENDENCY] or [ErrorCode.BASE] if the request cannot be
     *   met; with [ErrorCode.CHECKSUM], [ErrorCode.STREAM], [ErrorCode.VALUE] or [ErrorCode.TRUNCATED] if the file is
     *   damaged
     */
    @WorkerThread
    @Throws(IOException::class)
    public fun forEach(visitor: TensorVisitor): Unit = container.lifetime.request(null) { request ->
        loader.forEach(request) { info, memory -> visit(request, visitor, info, memory) }
    }

    /**
     * Rebuilds the tensors one by one, in file order, each in the buffer that [memory] supplies for it, and passes each
     * to [visitor].
     *
     * @throws IllegalArgumentException if a buffer is read-only, or fewer bytes remain in it than [TensorInfo.bytes]
     * @throws FrzException with [ErrorCode.BUDGET], [ErrorCode.DEPENDENCY] or [ErrorCode.BASE] if the request cannot be
     *   met; with [ErrorCode.CHECKSUM], [ErrorCode.STREAM], [ErrorCode.VALUE] or [ErrorCode.TRUNCATED] if the file is
     *   damaged
     */
    @WorkerThread
    @Throws(IOException::class)
    public fun forEach(memory: TensorMemory, visitor: TensorVisitor): Unit =
        container.lifetime.request(null) { request ->
            val allocate = { info: TensorInfo -> request.outside { memory.memory(info) }?.let { portion(it, info) } }
            loader.forEach(0, request, allocate) { info, bytes -> visit(request, visitor, info, bytes) }
        }

    /**
     * Returns the core of the tensor [name], before its bases are applied. If [TensorInfo.kept] is not null, the values
     * are in zigzag order; otherwise they are in row-major order and the result has the shape [TensorInfo.box]. The
     * values are f32; if they are the elements of the tensor, bit for bit, they have its dtype instead.
     *
     * @throws FrzException with [ErrorCode.NOT_FOUND] if there is no such tensor; with [ErrorCode.BUDGET],
     *   [ErrorCode.DEPENDENCY] or [ErrorCode.BASE] if the request cannot be met; with [ErrorCode.CHECKSUM],
     *   [ErrorCode.STREAM], [ErrorCode.VALUE] or [ErrorCode.TRUNCATED] if the file is damaged
     */
    @WorkerThread
    @Throws(IOException::class)
    public fun core(name: String): FrzTensor = container.lifetime.request(name) { core(tensor(name), it) }

    /**
     * Returns factor [number] of the file, counted from 0, limited to the rows that belong to the open tier.
     *
     * @throws FrzException with [ErrorCode.NOT_FOUND] if there is no such factor; with [ErrorCode.BUDGET] or
     *   [ErrorCode.DEPENDENCY] if the request cannot be met; with [ErrorCode.CHECKSUM], [ErrorCode.STREAM],
     *   [ErrorCode.VALUE] or [ErrorCode.TRUNCATED] if the file is damaged
     */
    @WorkerThread
    @Throws(IOException::class)
    public fun factor(number: Int): FrzTensor = container.lifetime.request(null) {
        if (number !in factors.indices) {
            throw FrzException(ErrorCode.NOT_FOUND, "the file contains ${factors.size} factors, but no factor $number")
        }
        core(factors[number], it)
    }

    /**
     * Returns the values that a network needs to use the tensor [name] without rebuilding it, as an f32 tensor of shape
     * (k,). For a spectrum, they are its coefficients in zigzag order. For a core with factors, they are the core in
     * row-major order, followed by the factor (rank, length) of each axis that has one. [TensorInfo.form] describes
     * them.
     *
     * @throws FrzException with [ErrorCode.NOT_FOUND] if there is no such tensor, or if it has neither a spectrum nor
     *   factors; with [ErrorCode.BUDGET], [ErrorCode.DEPENDENCY] or [ErrorCode.BASE] if the request cannot be met; with
     *   [ErrorCode.CHECKSUM], [ErrorCode.STREAM], [ErrorCode.VALUE] or [ErrorCode.TRUNCATED] if the file is damaged
     */
    @WorkerThread
    @Throws(IOException::class)
    public fun coefficients(name: String): FrzTensor = container.lifetime.request(name) {
        val info = tensor(name)
        if (info.form == null) {
            throw FrzException(ErrorCode.NOT_FOUND, "the tensor has neither a spectrum nor factors", name)
        }
        val values = loader.coefficients(info, info.factors.map { number -> factors[number] }, it)
        FrzTensor(info.name, DType.F32, longArrayOf(info.coefficients), values)
    }

    private fun core(info: TensorInfo, request: Request): FrzTensor {
        val dtype = if (info.record.isExact(info.index)) info.dtype else DType.F32
        val shape = info.kept?.let { longArrayOf(it.toLong()) } ?: info.box
        return FrzTensor(info.name, dtype, shape, loader.core(info.record, info.index, 0, request))
    }

    /**
     * Decodes everything up to [tier] without rebuilding any tensor, and throws at the first fault.
     *
     * @throws FrzException with [ErrorCode.BUDGET], [ErrorCode.DEPENDENCY] or [ErrorCode.BASE] if the request cannot be
     *   met; with [ErrorCode.CHECKSUM], [ErrorCode.STREAM], [ErrorCode.VALUE] or [ErrorCode.TRUNCATED] if the file is
     *   damaged
     */
    @WorkerThread
    @Throws(IOException::class)
    public fun verify(): Unit = container.lifetime.request(null) { loader.verify(it) }

    /**
     * Returns the SHA-256 digest of the file up to the end of the open [tier]. The digest identifies the content that
     * this object decodes; for the last tier, it is the digest of the complete file.
     *
     * @throws FrzException with [ErrorCode.TRUNCATED] if the file has been truncated since it was opened
     */
    @WorkerThread
    @Throws(IOException::class)
    public fun sha256(): ByteArray = container.lifetime.request(null) { container.digest(tier, it) }

    /**
     * Returns the same file, but with another memory budget for requests, such as what a caller's own buffers leave of
     * [FrzOptions.memoryBudget]. Closing either closes both.
     *
     * @throws IllegalArgumentException if [bytes] is negative
     */
    public fun withMemoryBudget(bytes: Long): FrzFile =
        FrzFile(container, base, options.newBuilder().memoryBudget(bytes).build())

    /** Returns this file as the base of a delta file that is opened with [options]. */
    private fun asBase(options: FrzOptions) = Base(container, Budget(options.memoryBudget)) { name ->
        directory.find(name).let { if (it < 0) null else tensors[it] }
    }

    /** Closes the file. Tensors that have been loaded remain valid. */
    @Throws(IOException::class)
    override fun close(): Unit = container.close()

    private fun visit(request: Request, visitor: TensorVisitor, info: TensorInfo, memory: ByteBuffer) {
        val tensor = rebuilt(info, memory.slice())
        request.outside { visitor.visit(tensor) }
    }

    private fun infos(count: Int, wanted: (Group) -> Boolean): List<TensorInfo> {
        val infos = ArrayList<TensorInfo>(count)
        for (group in directory.groups) {
            if (wanted(group)) repeat(group.size) { infos.add(TensorInfo(group, it, tiers, tier)) }
        }
        return Collections.unmodifiableList(infos)
    }

    private fun rebuilt(info: TensorInfo, memory: ByteBuffer) = FrzTensor(info.name, info.dtype, info.shape, memory)

    /**
     * Opens files. Every overload of `open` throws [FrzException]: with [ErrorCode.MAGIC], [ErrorCode.VERSION],
     * [ErrorCode.HEADER], [ErrorCode.LIMIT], [ErrorCode.TRUNCATED], [ErrorCode.TRAILING], [ErrorCode.CHECKSUM],
     * [ErrorCode.STREAM], [ErrorCode.DIRECTORY], [ErrorCode.FEATURE], [ErrorCode.UNSUPPORTED], [ErrorCode.NAME],
     * [ErrorCode.SHAPE] or [ErrorCode.VALUE] if the file is faulty, and with [ErrorCode.TIER] or [ErrorCode.BUDGET] if
     * the options cannot be met.
     *
     * A delta file stores the differences from another file, its base. Pass the open base, and keep it open as long as
     * the delta file is in use. The whole base is read once to compare checksums; a wrong base fails with
     * [ErrorCode.BASE]. Without a base, a delta file can be listed, but requesting a tensor that needs the base fails
     * with the same code. For all other files, the base is ignored. If the base itself is faulty, opening the
     * base fails.
     */
    public companion object {
        /**
         * Opens a file on disk. Each request reads only the parts that it needs.
         *
         * To replace the file while it is open, rename a new file to its name: the open file stays what it is. Do not
         * write to it. A request reports damage if data that it needs is overwritten meanwhile, but data from different
         * requests can then belong to different versions of the file.
         */
        @WorkerThread
        @JvmStatic
        @JvmOverloads
        @Throws(IOException::class)
        public fun open(file: File, options: FrzOptions = FrzOptions.DEFAULT, base: FrzFile? = null): FrzFile =
            open(FileSource(file), options, base)

        /**
         * Opens the bytes between the position and limit of [bytes], such as a mapped file, without copying them. They
         * must not be modified while the returned [FrzFile] is open.
         */
        @WorkerThread
        @JvmStatic
        @JvmOverloads
        @Throws(IOException::class)
        public fun open(bytes: ByteBuffer, options: FrzOptions = FrzOptions.DEFAULT, base: FrzFile? = null): FrzFile =
            open(BufferSource(bytes), options, base)

        /**
         * Opens [length] bytes of a file, starting at [offset], such as an asset that is stored uncompressed:
         *
         * ```
         * context.assets.openFd("model.frz").use {
         *     FrzFile.open(FileInputStream(it.fileDescriptor).channel, it.startOffset, it.length)
         * }
         * ```
         *
         * These bytes are memory-mapped and use no heap. The caller can close [channel] after this returns, but must
         * not modify or truncate the file on disk while the returned [FrzFile] is open. If the thread is interrupted
         * during the call, the channel can be closed.
         *
         * @throws IllegalArgumentException if the channel's file is shorter than [offset] + [length]
         */
        @WorkerThread
        @JvmStatic
        @JvmOverloads
        @Throws(IOException::class)
        public fun open(
            channel: FileChannel,
            offset: Long,
            length: Long,
            options: FrzOptions = FrzOptions.DEFAULT,
            base: FrzFile? = null
        ): FrzFile = open(MappedSource.of(channel, offset, length), options, base)

        /** Opens a file held in memory, without copying it. The bytes must not be modified while the file is open. */
        @WorkerThread
        @JvmStatic
        @JvmOverloads
        @Throws(IOException::class)
        public fun open(bytes: ByteArray, options: FrzOptions = FrzOptions.DEFAULT, base: FrzFile? = null): FrzFile =
            open(ByteBuffer.wrap(bytes), options, base)

        /**
         * Opens a file from [stream]. The stream is read only to the end of [FrzOptions.tier], and the bytes read stay
         * in memory. The caller closes the stream after this returns.
         */
        @WorkerThread
        @JvmStatic
        @JvmOverloads
        @Throws(IOException::class)
        public fun open(stream: InputStream, options: FrzOptions = FrzOptions.DEFAULT, base: FrzFile? = null): FrzFile =
            open(StreamSource(stream, Budget(options.memoryBudget)), options, base)

        private fun open(source: Source, options: FrzOptions, base: FrzFile?): FrzFile {
            val lifetime = Lifetime()
            var opened = false
            try {
                return lifetime.request(null) { request ->
                    val container = Container.open(source, options, lifetime, request)
                    val own = base?.takeIf { container.directory.base != null }
                    own?.asBase(options)?.check(container, request)
                    FrzFile(container, own, options).also { opened = true }
                }
            } finally {
                if (!opened) source.close()
            }
        }
    }
}
